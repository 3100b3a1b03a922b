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
from service.standby import Checkpoint, Standby, StandbyDamaged, StandbyNewer
from store.database import Database, DatabaseUnavailable
from store.journal import Journal
from store.migrate import MigrationChanged, SchemaNewer, migrate
from store.writer import Recovered, open_epoch, record_hole, recover

RETRY_S: Final = 0.5

log = structlog.get_logger(__name__)


class CannotStart(Exception):
    """With what, which and what to do."""


async def recover_fold(
    journal: Journal,
    database: Database,
    standby: Standby,
    *,
    migrate_first: bool,
    wait_s: float,
    clock: Callable[[], int],
) -> Fold:
    """Find the newest state this journal can be folded from.

    Args:
        journal: what is folded on.
        database: asked first.
        standby: asked where the database does not answer.
        migrate_first: bring the schema up to date.
        wait_s: how long to wait for the database where there is no copy.
        clock: µs UTC.

    Raises:
        CannotStart: the schema or the standby copy is of a newer version, or there is neither
            database nor copy.
    """
    copy = _load_copy(standby, journal)
    waited = False
    deadline = clock() + round(wait_s * 1_000_000)
    while True:
        try:
            recovered = await meet_database(
                journal, database, migrate_first=migrate_first, clock=clock
            )
        except DatabaseUnavailable as error:
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


async def meet_database(
    journal: Journal, database: Database, *, migrate_first: bool, clock: Callable[[], int]
) -> Recovered:
    """Bring the schema up to date and let the database follow this journal.

    What the database lacks and the journal no longer has is recorded as a hole.

    Raises:
        DatabaseUnavailable: ask again later.
        CannotStart: the schema is of a newer version, or the journal's positions repeat.
    """
    try:
        if migrate_first:
            done = await migrate(database)
            if done.applied:
                log.info("schema.migrated", applied=len(done.applied), number=done.number)
    except (SchemaNewer, MigrationChanged) as error:
        raise CannotStart(str(error)) from error
    recovered = await recover(database)
    if recovered.journal_id != journal.id:
        try:
            await open_epoch(database, journal.id, first_position=journal.first, now=clock())
        except ValueError as error:
            raise CannotStart(
                f"{error}; see that this machine's clock is right, then move the journal away, so "
                "that a new one is begun"
            ) from error
        if recovered.journal_id is not None:
            log.error("journal.epoch", before=recovered.journal_id, now=journal.id)
    elif (hole := _hole_before(journal.first, recovered)) is not None:
        await record_hole(
            database,
            journal_id=journal.id,
            after=hole,
            next_=journal.first,
            now=clock(),
            reason="the journal no longer holds what the database lacks",
        )
        log.error("journal.hole", after=hole, next=journal.first)
    return recovered


def _hole_before(first: int, recovered: Recovered) -> int | None:
    """The position after which entries are missing, if the journal's oldest is not the next."""
    assert recovered.epoch_first is not None
    needed = recovered.checkpoint_position or recovered.position
    last = max(needed, recovered.epoch_first - 1)
    return last if first > last + 1 else None


@dataclass(frozen=True, slots=True)
class StoreStart:
    """From where the storer goes on: a state of the fold, and what the database has."""

    state: FoldState
    committed: int
    previous_checkpoint: int | None


def store_start(recovered: Recovered) -> StoreStart:
    """The storer folds again from the database's own checkpoint, or from nothing."""
    return StoreStart(
        _fold_of(recovered).snapshot(), recovered.position, recovered.previous_checkpoint_position
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
