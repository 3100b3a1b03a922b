"""Journal and database meet: they belong together, or the service does not start.

Whatever would lose what was acknowledged is refused in words before anything is changed: an older
copy of the journal, a second service on the same database, an empty database in place of a known one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from service.standby import Checkpoint, Standby, StandbyDamaged, StandbyNewer
from store.database import Database, refusals
from store.holes import record_hole
from store.journal import Journal
from store.migrate import MigrationChanged, SchemaNewer, migrate, migrations, pending
from store.recovery import (
    IN_USE_S,
    Fenced,
    InUse,
    Recovered,
    open_epoch,
    recover,
    refuse_epoch,
    take_claim,
)
from store.storage import Storage

log = structlog.get_logger(__name__)


class CannotStart(Exception):
    """With what, which and what to do."""


class EmptiedDatabase(CannotStart):
    """An empty database stands where a known one was. A service that judges already goes on."""


def new_claim() -> str:
    """What one process calls itself beside its journal and in the database."""
    return secrets.token_hex(8)


async def meet_database(
    journal: Journal,
    database: Database,
    standby: Standby,
    *,
    claim: str,
    migrate_first: bool,
    clock: Callable[[], int],
) -> Recovered:
    """Bring the schema up to date, let the database follow this journal, and be who stores.

    What the database lacks and the journal no longer has is recorded as a hole.

    Raises:
        DatabaseUnavailable: ask again later; it may also answer, and refuse.
        JournalUnavailable: the claim could not be written beside the journal; ask again later.
        CannotStart: the schema is of another version, or this journal and this database do not
            belong together.
    """
    with refusals():
        await _see_to_schema(journal, database, standby, migrate_first=migrate_first)
        recovered = await recover(database)
        if recovered.journal_id == journal.id:
            known = await _known_claims(journal, standby, recovered)
            _refuse_older_copy(journal, recovered, known)
            if (hole := _hole_before(journal.first, recovered)) is not None:
                await _note_hole(journal, database, hole, now=clock())
        else:
            if recovered.journal_id is None:
                _refuse_emptied(journal, standby)
            await _open_epoch(journal, database, recovered, now=clock())
            known = await journal.claims()
        if claim not in known:
            await journal.add_claim(claim)
        try:
            await take_claim(database, journal.id, known=[*known, claim], new=claim)
        except Fenced as error:
            raise _fenced(error) from error
    return recovered


async def _see_to_schema(
    journal: Journal, database: Database, standby: Standby, *, migrate_first: bool
) -> None:
    try:
        missing = await pending(database)
        if len(missing) == len(migrations(Storage.PLAIN)):
            # Before tables are made in it: the backup to be restored there would not go in.
            _refuse_emptied(journal, standby)
        elif missing:
            # Before it is changed: a service of the version before may be at work in it.
            with _refused_epoch():
                await refuse_epoch(database, journal.id, first_position=journal.first)
        if missing and not migrate_first:
            raise CannotStart(
                f"the database's schema lacks {', '.join(missing)}: run `vedette migrate`"
            )
        if missing and (done := await migrate(database)).applied:
            log.info("schema.migrated", applied=len(done.applied), number=done.number)
    except (SchemaNewer, MigrationChanged) as error:
        raise CannotStart(str(error)) from error


async def _known_claims(journal: Journal, standby: Standby, recovered: Recovered) -> list[str]:
    """Claims by which the database is known to be this journal's.

    One that stands behind what it has confirmed was restored from a backup: its claim may be
    older than those the journal remembers.
    """
    known = await journal.claims()
    copy = _copy_of(standby)
    restored = (
        copy is not None
        and copy.journal_id == journal.id
        and recovered.position < copy.position
        and recovered.claim is not None
    )
    return [*known, recovered.claim] if restored and recovered.claim is not None else known


def _refuse_older_copy(journal: Journal, recovered: Recovered, known: list[str]) -> None:
    """Before anything is claimed: an older copy must not put out the service that goes on."""
    if journal.last < recovered.position:
        raise CannotStart(
            f"the journal ends at {journal.last}, but the database took entries up to "
            f"{recovered.position} from it or from another copy of this data directory: this is an "
            "older copy, and what it is given would be stored nowhere; keep it, it may hold what "
            "was not stored, and put the current one back, or move it away, so that a new one is "
            "begun"
        )
    if recovered.claim is not None and recovered.claim not in known:
        raise _fenced("another copy of this data directory has taken this database over since")


def _refuse_emptied(journal: Journal, standby: Standby) -> None:
    if _copy_of(standby) is None and journal.last < journal.first:
        return
    raise EmptiedDatabase(
        "the database is empty, but this data directory has fed another one: mend "
        "VEDETTE_DATABASE_URL or restore a backup of the database; to begin anew with nothing, "
        "move the data directory away"
    )


def _copy_of(standby: Standby) -> Checkpoint | None:
    """The last checkpoint a database confirmed; a damaged one says nothing."""
    try:
        return standby.load_checkpoint()
    except (StandbyDamaged, StandbyNewer):
        return None


async def _open_epoch(
    journal: Journal, database: Database, recovered: Recovered, *, now: int
) -> None:
    with _refused_epoch():
        await open_epoch(database, journal.id, first_position=journal.first, now=now)
    if recovered.journal_id is not None:
        log.error("journal.epoch", before=recovered.journal_id, now=journal.id)


@contextmanager
def _refused_epoch() -> Iterator[None]:
    try:
        yield
    except Fenced as error:
        raise _fenced(error) from error
    except InUse as error:
        raise CannotStart(
            f"{error}; this one has another data directory and would put it out for good. Mend "
            "VEDETTE_DATABASE_URL; or, where this one is to take its place, stop the other, or see "
            f"that its host is down, and wait {IN_USE_S:.0f} s"
        ) from error
    except ValueError as error:
        raise CannotStart(
            f"{error}. If that other service is in use, mend VEDETTE_DATABASE_URL of one of them "
            "and keep this journal: it may hold what is stored nowhere. Only if this is a new "
            "journal, see that this machine's clock is right, then move the journal away, so that "
            "a new one is begun"
        ) from error


def _fenced(why: object) -> CannotStart:
    return CannotStart(
        f"{why}; keep this journal, it holds what was not stored. See that one service only uses "
        "this database, or mend VEDETTE_DATABASE_URL"
    )


async def _note_hole(journal: Journal, database: Database, hole: int, *, now: int) -> None:
    await record_hole(
        database,
        journal_id=journal.id,
        after=hole,
        next_=journal.first,
        now=now,
        reason="the journal no longer holds what the database lacks",
    )
    log.error("journal.hole", after=hole, next=journal.first)


def _hole_before(first: int, recovered: Recovered) -> int | None:
    """The position after which entries are missing, if the journal's oldest is not the next."""
    assert recovered.epoch_first is not None
    needed = recovered.checkpoint_position or recovered.position
    last = max(needed, recovered.epoch_first - 1)
    return last if first > last + 1 else None
