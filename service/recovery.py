"""Where a start begins: the database if it answers, else the copy beside the journal.

Afterwards there is a fold that stands at a checkpoint of this journal's past, the registry is
known, and the storer knows how to find out what the database has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from alerting import Fold, FoldState
from service.meeting import CannotStart, meet_database, new_claim
from service.standby import Checkpoint, Standby, StandbyDamaged, StandbyNewer
from store.database import Database, DatabaseUnavailable, refusals
from store.holes import Losses, losses
from store.journal import Journal, JournalUnavailable
from store.recovery import Recovered

__all__ = [
    "CannotStart",
    "StoreStart",
    "begin_storing",
    "meet_database",
    "new_claim",
    "recover_fold",
]

RETRY_S: Final = 0.5
LOSSES_US: Final = 30 * 86_400_000_000
"""How long a loss is spoken of."""

log = structlog.get_logger(__name__)


async def recover_fold(
    journal: Journal,
    database: Database,
    standby: Standby,
    *,
    claim: str,
    migrate_first: bool,
    wait_s: float,
    clock: Callable[[], int],
) -> Fold:
    """Find the newest state this journal can be folded from.

    Args:
        journal: what is folded on.
        database: asked first.
        standby: asked where the database does not answer.
        claim: of this process (`new_claim`).
        migrate_first: bring the schema up to date.
        wait_s: how long to wait for the database where there is no copy.
        clock: µs UTC.

    Raises:
        CannotStart: the schema or the standby copy is of a newer version, journal and database
            do not belong together, or there is neither database nor copy.
    """
    copy = _load_copy(standby, journal)
    waited = False
    deadline = clock() + round(wait_s * 1_000_000)
    while True:
        try:
            recovered = await meet_database(
                journal, database, standby, claim=claim, migrate_first=migrate_first, clock=clock
            )
        except (DatabaseUnavailable, JournalUnavailable) as error:
            if copy is not None:
                log.error("database.unavailable", reason=str(error), going_on_with="standby copy")
                return _restored(copy.data, "the standby copy's")
            if clock() >= deadline:
                raise CannotStart(
                    f"{error}; this is the first start on this data directory, or its copy is out "
                    "of date, so there is no copy to work from: start PostgreSQL or mend "
                    "VEDETTE_DATABASE_URL"
                ) from error
            if not waited:
                log.warning("database.waiting", reason=str(error), at_most_s=wait_s)
            waited = True
            await asyncio.sleep(RETRY_S)
            continue
        return _fold_of(recovered)


def _load_copy(standby: Standby, journal: Journal) -> Checkpoint | None:
    """The copy, if this journal goes on from it without a gap."""
    try:
        copy = standby.load_checkpoint()
    except StandbyNewer as error:
        raise CannotStart(str(error)) from error
    except StandbyDamaged as error:
        log.error("standby.damaged", reason=str(error))
        return None
    if copy is None or copy.journal_id != journal.id:
        return None
    if journal.first > copy.position + 1:
        log.error("standby.outdated", position=copy.position, journal_first=journal.first)
        return None
    return copy


@dataclass(frozen=True, slots=True)
class StoreStart:
    """From where the storer goes on: a state of the fold, and what the database has and lost."""

    state: FoldState
    committed: int
    previous_checkpoint: int | None
    claim: str
    losses: Losses


async def begin_storing(
    journal: Journal,
    database: Database,
    standby: Standby,
    *,
    claim: str,
    migrate_first: bool,
    clock: Callable[[], int],
) -> StoreStart:
    """Meet the database; the storer folds again from its own checkpoint, or from nothing.

    Raises: as `meet_database`.
    """
    recovered = await meet_database(
        journal, database, standby, claim=claim, migrate_first=migrate_first, clock=clock
    )
    with refusals():
        lost = await losses(database, since=clock() - LOSSES_US)
    return StoreStart(
        state=_fold_of(recovered).snapshot(),
        committed=recovered.position,
        previous_checkpoint=recovered.previous_checkpoint_position,
        claim=claim,
        losses=lost,
    )


def _fold_of(recovered: Recovered) -> Fold:
    if recovered.checkpoint is None:
        return Fold.empty()
    return _restored(recovered.checkpoint, "the database's")


def _restored(checkpoint: bytes, whose: str) -> Fold:
    try:
        return Fold.restore(checkpoint)
    except ValueError as error:
        raise CannotStart(
            f"{whose} {error}; run the version that wrote it, or restore a backup"
        ) from error
