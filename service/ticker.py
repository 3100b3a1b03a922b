"""The second hand: one TICK entry for each whole second this process lives through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from domain.entries import Entry, EntryKind, Tick
from domain.readings import MICROSECONDS
from service.spine import Spine
from store.journal import JournalUnavailable

SLACK_S: Final = 0.002
SET_BACK_US: Final = 2 * MICROSECONDS
"""A clock that shows so much less than the last tick was set back; by less, it only wavers."""

log = structlog.get_logger(__name__)


async def tick(spine: Spine, *, clock: Callable[[], int], listening: Callable[[], bool]) -> None:
    """Task: append a tick at each whole second of server time, for ever.

    Seconds in which the process did not run are not made up. A second counts as listening only
    if ingest was connected and caught up at both of its ends. Where the clock is set back, ticks
    go on from there: silence, delays and shelves must not wait until it is as late as it was.
    """
    last = 0
    heard = listening()
    while True:
        now = clock()
        second = now - now % MICROSECONDS
        if now < last - SET_BACK_US:
            log.warning("clock.set_back", by_s=(last - now) / MICROSECONDS)
        elif second <= last:
            await asyncio.sleep((last + MICROSECONDS - now) / MICROSECONDS + SLACK_S)
            continue
        hears = listening()
        entry = Entry(EntryKind.TICK, Tick(second, heard and hears).to_bytes())
        heard = hears
        last = second
        try:
            await spine.append(entry)
        except JournalUnavailable as error:
            log.debug("tick.not_kept", reason=str(error))
