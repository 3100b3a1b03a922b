"""Whether the running service has taken over what a command changed in its database.

A service looks for edits once a second and then renews its standby copy of the accounts, beside
the note by which it is found: what the copy shows, the service knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from service import control
from service.standby import Standby, StandbyDamaged, StandbyNewer
from store.accounts import Accounts

WITHIN_S: Final = 3.0
LOOK_EVERY_S: Final = 0.02


def taken_over(data_dir: Path, seen: Callable[[Accounts], bool]) -> bool:
    """Wait until the service's accounts fulfil `seen`; True at once where no service runs.

    False after `WITHIN_S`: the service cannot reach its database, or cannot write its copy.
    """
    try:
        control.find(data_dir)
    except control.NoService:
        return True
    copy = Standby(data_dir / "standby")
    deadline = time.monotonic() + WITHIN_S
    while not _shows(copy, seen):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _shows(copy: Standby, seen: Callable[[Accounts], bool]) -> bool:
    try:
        data = copy.load_accounts()
        return data is not None and seen(Accounts.from_bytes(data))
    except (StandbyDamaged, StandbyNewer, ValueError):
        return False  # of another version, or torn; the next renewal mends it
