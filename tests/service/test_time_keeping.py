"""Which file tells who keeps the clock."""

from __future__ import annotations

import os
from pathlib import Path

from service.time_keeping import Keeper, clock_keeper

NOW_S = 1_790_000_000.0


def leave(root: Path, trace: str, *, age_s: float) -> None:
    path = root / trace
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))


def test_without_a_mark_nobody_is_named(tmp_path: Path) -> None:
    assert clock_keeper(NOW_S, tmp_path) is None


def test_the_newest_mark_names_the_keeper(tmp_path: Path) -> None:
    leave(tmp_path, "run/systemd/timesync/synchronized", age_s=90_000)
    assert clock_keeper(NOW_S, tmp_path) == Keeper("systemd-timesyncd", 90_000)
    leave(tmp_path, "var/lib/chrony/drift", age_s=60)
    assert clock_keeper(NOW_S, tmp_path) == Keeper("chrony", 60)


def test_a_mark_of_the_future_is_of_now(tmp_path: Path) -> None:
    leave(tmp_path, "var/lib/ntp/ntp.drift", age_s=-5)
    assert clock_keeper(NOW_S, tmp_path) == Keeper("ntpd", 0)
