"""What is done beside the stream of readings: roll-ups, indexes, noticing edits.

Each is a task of its own that goes on after the database was away; none of them holds up the
spine or another: a full disk lets no index be made, and is just when forgetting
(`service.forgetting`) must go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from service.identities import Identities
from service.registration import Registration
from service.spine import Spine
from store.audit import list_audit
from store.database import Database, DatabaseUnavailable
from store.journal import JournalUnavailable
from store.retention import index_closed
from store.rollups import roll

ROLL_EVERY_S: Final = 5.0
INDEX_EVERY_S: Final = 3600.0
LOOK_EVERY_S: Final = 1.0

log = structlog.get_logger(__name__)


async def keep_rolled(database: Database, *, clock: Callable[[], int]) -> None:
    """Task: close finished minutes and hours, and roll up late ones again."""

    async def once() -> None:
        more = True
        while more:
            more = (await roll(database, now=clock())).more

    await again_and_again("rollups", once, every_s=ROLL_EVERY_S)


async def keep_indexed(database: Database, *, clock: Callable[[], int]) -> None:
    """Task: make closed days quick to read."""

    async def once() -> None:
        await index_closed(database, now=clock())

    await again_and_again("indexes", once, every_s=INDEX_EVERY_S)


async def notice_edits(
    database: Database, registration: Registration, identities: Identities, spine: Spine
) -> None:
    """Task: take over edits made by others, such as the command line, within a second or two.

    Every edit of the registry and the accounts leaves a row in the audit.
    """
    seen: int | None = None

    async def once() -> None:
        nonlocal seen
        newest = await list_audit(database, limit=1)
        id_ = newest[0].id if newest else 0
        if id_ != seen:
            await identities.refresh()
            await registration.refresh(spine)
            seen = id_

    await again_and_again("edits", once, every_s=LOOK_EVERY_S)


async def again_and_again(
    name: str, once: Callable[[], Awaitable[None]], *, every_s: float
) -> None:
    """Task: do it for ever, whatever becomes of it; trouble is told when it begins or changes."""
    trouble: str | None = None
    while True:
        try:
            await once()
            if trouble is not None:
                log.info("upkeep.goes_on", task=name)
            trouble = None
        except (DatabaseUnavailable, JournalUnavailable) as error:
            if trouble is None:
                log.warning("upkeep.waiting", task=name, reason=str(error))
            trouble = str(error)
        except Exception as error:  # housekeeping must never end the judging
            if trouble != str(error):
                log.error("upkeep.failed", task=name, reason=str(error), exc_info=error)
            trouble = str(error)
        await asyncio.sleep(every_s)
