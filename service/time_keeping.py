"""Who keeps this machine's clock, as far as files tell.

Whether the kernel's clock is synchronised only the kernel knows, and Python does not ask it. The
daemons that keep it leave a file each time they did; a container has its host's clock and none
of these files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

FRESH_S: Final = 86_400.0
"""Each daemon renews its file within about an hour while it has a source."""
_TRACES: Final = {
    "run/systemd/timesync/synchronized": "systemd-timesyncd",
    "var/lib/chrony/drift": "chrony",
    "var/lib/chrony/chrony.drift": "chrony",
    "var/lib/ntp/ntp.drift": "ntpd",
    "var/lib/ntp/drift": "ntpd",
    "var/lib/ntpsec/ntp.drift": "ntpsec",
}


class Keeper(NamedTuple):
    """A daemon, and how long ago it last left its file (s)."""

    name: str
    age_s: float


def clock_keeper(now_s: float, root: Path = Path("/")) -> Keeper | None:
    """The daemon that kept the clock last; None where no file tells, or none may be looked at."""
    found = []
    for trace, name in _TRACES.items():
        try:
            found.append(Keeper(name, max(0.0, now_s - (root / trace).stat().st_mtime)))
        except OSError:
            continue  # not there, or not ours to look at: then it tells nothing
    return min(found, key=lambda keeper: keeper.age_s, default=None)
