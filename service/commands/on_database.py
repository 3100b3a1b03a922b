"""Work on the service's database itself, and wait until the service has taken it over.

A service looks for edits once a second and then renews its standby copy of the accounts, beside
the note by which it is found: what the copy shows, the service knows.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from service import control
from service.commands.base import database_url, fail, settings
from service.standby import Standby, StandbyDamaged, StandbyNewer
from store.accounts import Accounts
from store.database import Database, DatabaseUnavailable
from store.refusals import Refused

WITHIN_S: Final = 3.0
LOOK_EVERY_S: Final = 0.02

Answer = TypeVar("Answer")


def on_database(
    data_dir: Path | None,
    work: Callable[[Database], Awaitable[Answer]],
    *,
    seen: Callable[[Accounts], bool] | None = None,
) -> Answer:
    """Run `work` on the running service's database, else on the configured one.

    Where a service runs and `seen` is given, wait until what the service knows fulfils it.
    """
    chosen = settings(data_dir=data_dir)

    async def run() -> Answer:
        database = await Database.connect(database_url(chosen), max_connections=1)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        answer = asyncio.run(run())
    except DatabaseUnavailable as error:
        fail(away(error))
    except Refused as error:
        fail(str(error), code=2)
    if seen is not None and not _taken_over(chosen.data_dir, seen):
        print(
            "vedette: the running service does not know of it yet; it will within seconds of "
            "reaching its database (see `vedette doctor`)",
            file=sys.stderr,
        )
    return answer


def away(error: DatabaseUnavailable) -> str:
    """The line for a database that cannot be reached, with what to do."""
    return f"{error}; start PostgreSQL or mend VEDETTE_DATABASE_URL"


def _taken_over(data_dir: Path, seen: Callable[[Accounts], bool]) -> bool:
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
