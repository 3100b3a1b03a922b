"""Forgetting what is past its time, and saying so where the clock is not believed.

What is forgotten cannot be had back, so the store takes a clock's word only as far as other
witnesses bear it out (`store.believed_time`). A clock far ahead of them is wrong; or the service
was down for long, and then forgetting catches up in as much time again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from domain.readings import MICROSECONDS
from service.settings import Settings
from service.upkeep import again_and_again
from store.believed_time import believed_now
from store.database import Database
from store.retention import Keep, forget_old

FORGET_EVERY_S: Final = 3600.0
REFUSED_S: Final = 86_400
"""A clock so far ahead of what is believed is told: nothing is forgotten by it."""

log = structlog.get_logger(__name__)


class Forgetting:
    """One per process; `run` is a task.

    Attributes:
        clock_ahead_s: by how much the clock is ahead of what is believed (s); None: it is believed,
            or nobody has looked yet.
    """

    def __init__(self, database: Database, keep: Keep, *, clock: Callable[[], int]) -> None:
        self._database = database
        self._keep = keep
        self._clock = clock
        self.clock_ahead_s: int | None = None

    async def run(self) -> None:
        """Task: forget once an hour, from an hour after the start: by then a clock is set."""
        await asyncio.sleep(FORGET_EVERY_S)
        await again_and_again("retention", self._once, every_s=FORGET_EVERY_S)

    async def _once(self) -> None:
        now = self._clock()
        forgotten = await forget_old(self._database, self._keep, now=now)
        if forgotten.tables or forgotten.rows:
            log.info("store.forgotten", tables=len(forgotten.tables), rows=forgotten.rows)
        ahead_s = refused_s(forgotten.by, now=now)
        if ahead_s is not None and self.clock_ahead_s is None:
            log.error("retention.clock_refused", clock_ahead_s=ahead_s)
        self.clock_ahead_s = ahead_s


def refused_s(believed: int | None, *, now: int) -> int | None:
    """By how much a clock is ahead of what is believed (s), where that is too much; else None.

    Args:
        believed: µs UTC; None: nothing was ever stored.
        now: what the clock says, µs UTC.
    """
    ahead_s = 0 if believed is None else (now - believed) // MICROSECONDS
    return ahead_s if ahead_s > REFUSED_S else None


async def clock_refused_s(database: Database, keep: Keep, *, now: int) -> int | None:
    """What `refused_s` says if forgetting began now; nothing is forgotten.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    raw_days = keep.raw_days(await database.storage())
    async with database.connection() as connection:
        believed = await believed_now(database, connection, raw_days=raw_days, now=now)
    return refused_s(believed, now=now)


def keep_of(settings: Settings) -> Keep:
    """How long things are kept."""
    return Keep(
        raw=settings.raw_days,
        minutes=settings.minute_days,
        hours=settings.hour_days,
        alarms=settings.alarm_days,
    )
