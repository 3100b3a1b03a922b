"""A machine need not have time zones of its own: slim images have none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = "postgresql://vedette@127.0.0.1:1/vedette"


@pytest.mark.parametrize("zone", [{}, {"VEDETTE_TIME_ZONE": "Asia/Urumqi"}])
def test_a_command_runs_where_the_machine_has_no_time_zones(
    zone: dict[str, str], tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "service", "migrate", "--data-dir", str(tmp_path)],
        env={**os.environ, "PYTHONTZPATH": "", "VEDETTE_DATABASE_URL": NOBODY, **zone},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "database" in result.stderr
    assert "zone" not in result.stderr.lower()
