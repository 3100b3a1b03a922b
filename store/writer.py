"""The one writer: everything the fold made of a stretch of the journal, in one transaction.

Guarded by the journal position that the same transaction moves: what is behind it was stored
before and is not stored again, so a stretch can be committed any number of times, cut any way.
Readings take the fast path, a binary COPY, when the fold says that they are newer than any other
of their sensor; the rest, and everything if the fast path meets a row that is there already
(a journal was lost), goes through `store.late`.

An ordinary commit does not wait for the disk: what a crash of PostgreSQL could take back is still
in the journal, which is trimmed only through a stored checkpoint. A commit that carries a
checkpoint waits, and with it everything before it is on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import numpy as np

from alerting.alarms import Alarm, Transition
from alerting.outcome import Verdict
from domain.entries import Entry, EntryKind
from domain.readings import ReadingBatch
from store.connection import Connection
from store.database import Database
from store.decisions import check_transitions, write_alarms, write_outbox, write_transitions
from store.future import quarantine_future
from store.late import merge_rows
from store.packing import COLUMNS, Rows, kept_rows
from store.recovery import Recovered, open_epoch, recover, save_checkpoint
from store.storage import Storage

__all__ = [
    "Commit",
    "Committed",
    "DatabaseBehind",
    "Recovered",
    "StaleJournal",
    "StretchRefused",
    "commit",
    "make_room",
    "open_epoch",
    "recover",
]

CHANNEL: Final = "vedette_transitions"
"""The bell: notified with the new position when transitions were stored."""
MINUTE_US: Final = 60_000_000
MOST_MARKS: Final = 1000
"""Late (minute, sensor) pairs a commit marks one by one; beyond it marks whole minutes."""


class StaleJournal(Exception):
    """The database follows another journal than this writer, or another copy of it."""


class DatabaseBehind(Exception):
    """The stretch would leave a hole: a crash took back commits that did not wait for the disk.

    Ask `recover` where the database stands, and fold the journal again from its checkpoint.
    """


class StretchRefused(Exception):
    """PostgreSQL will not have this stretch, however often it is offered.

    Attributes:
        content: what is written is the cause, not where it is written to.
    """

    def __init__(self, error: Exception, *, content: bool) -> None:
        super().__init__(f"the database refuses it: {error}")
        self.content = content


_CONTENT: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError)
"""A value that no column can hold (by the server's word or asyncpg's), or that breaks a constraint."""


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """A stretch of the journal, folded: everything up to and including `position`.

    Attributes:
        journal_id: The journal it is from.
        after: Position up to which the writer believes that everything is stored.
        position: Last entry of the stretch.
        batches: (position, batch, verdict) of its batches, in order.
        transitions: (position, ordinal, transition) of its transitions, in order.
        alarms: Alarms it changed, each as it stands afterwards.
        checkpoint: The fold's state after `position`, when one is due.
        entries: Program and act entries of the stretch, kept for replays.
        claim: What the writer took the database over with (`store.recovery.take_claim`).
        set_aside: Why readings or alarms of this one entry are left out. The entry is then kept
            whole in `kept_entries`, whatever its kind, and noted as a hole.
    """

    journal_id: str
    after: int
    position: int
    batches: Sequence[tuple[int, ReadingBatch, Verdict]] = ()
    transitions: Sequence[tuple[int, int, Transition]] = ()
    alarms: Sequence[Alarm] = ()
    checkpoint: bytes | None = None
    entries: Sequence[tuple[int, Entry]] = field(default=())
    claim: str | None = None
    set_aside: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did.

    Attributes:
        rows: Readings it brought (those behind the stored position left out).
        duplicates: Of these, ignored: the same value was there.
        corrections: Earlier values that were moved aside.
        fast: Whether all fresh readings took the fast path.
    """

    rows: int = 0
    duplicates: int = 0
    corrections: int = 0
    fast: bool = True


class _Met(Exception):
    """A row of the fast path is there already."""


async def commit(database: Database, change: Commit) -> Committed:
    """Store a stretch; idempotent.

    Raises:
        StaleJournal: the database follows another journal (`open_epoch` comes first), or another
            process has claimed it.
        DatabaseBehind: entries before the stretch are not stored.
        StretchRefused: nothing is stored, and trying again will not help by itself.
        store.decisions.ReplayDiffers: a transition stored before reads differently now.
        DatabaseUnavailable: nothing is known to be stored; commit it again.
    """
    try:
        return await _commit(database, change)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StretchRefused(error, content=isinstance(error, _CONTENT)) from error


async def _commit(database: Database, change: Commit) -> Committed:
    rows = kept_rows(change.batches)
    storage = await database.storage()
    async with database.connection() as connection:
        fast = True
        for attempt in range(3):
            try:
                await make_room(database, connection, rows)
                return await _commit_once(connection, change, rows, storage, fast=fast)
            except _Met:
                fast = False
            except (asyncpg.CheckViolationError, asyncpg.UndefinedTableError):
                if attempt == 2:
                    raise
                database.partitions.forget()  # retention dropped what we thought was there
        raise AssertionError("the merging path cannot meet a row")


async def make_room(database: Database, connection: Connection, rows: Rows) -> None:
    """Make the partitions or chunks these rows need; outside a transaction: they stay made."""
    if not len(rows):
        return
    storage = await database.storage()
    now = int(rows.received.max())
    if storage.hypertables:
        await database.chunks.ensure(connection, rows.ts, now=now)
    else:
        await database.partitions.ensure(connection, "readings", rows.ts, now=now)


async def _commit_once(
    connection: Connection, change: Commit, rows: Rows, storage: Storage, *, fast: bool
) -> Committed:
    async with connection.transaction():
        if storage.policies:
            # Late rows of many sensors meet many compressed stretches; refused once, they would
            # be refused for ever.
            await connection.execute(
                "SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
            )
        [spine] = await connection.fetch(
            "SELECT set_config('synchronous_commit', $1, true), journal_id, position, "
            "claim, closing_through FROM spine FOR UPDATE",
            "off" if change.checkpoint is None else "on",
        )
        if spine["journal_id"] != change.journal_id:
            raise StaleJournal(
                f"the database follows journal {spine['journal_id']}, not {change.journal_id}"
            )
        if spine["claim"] != change.claim:
            raise StaleJournal(
                "another copy of this data directory, or another process, has taken this database "
                "over; this one stores nothing any more"
            )
        stored: int = spine["position"]
        if stored < change.after:
            raise DatabaseBehind(f"the database stands at {stored}, not at {change.after}")
        rows = rows.where(rows.position > stored)
        committed = await _write_rows(connection, rows, fast=fast)
        await quarantine_future(connection, change.batches, stored=stored)
        await _mark_dirty(connection, rows, spine["closing_through"])
        await check_transitions(connection, change.transitions, stored=stored)
        transitions = [each for each in change.transitions if each[0] > stored]
        await write_transitions(connection, transitions)
        await write_alarms(connection, [a for a in change.alarms if a.position > stored])
        await write_outbox(connection, transitions, change.alarms)
        await _keep_entries(connection, change, stored=stored)
        if change.checkpoint is not None:
            await save_checkpoint(connection, change.journal_id, change.position, change.checkpoint)
        if change.position > stored:
            await connection.execute(
                "UPDATE spine SET position = $1, "
                "received_through = greatest(received_through, $2::timestamptz)",
                change.position,
                int(rows.received.max()) if len(rows) else None,
            )
        if transitions:
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(change.position))
        return committed


async def _write_rows(connection: Connection, rows: Rows, *, fast: bool) -> Committed:
    fresh = rows.where(rows.fresh) if fast else rows.where(np.zeros(len(rows), np.bool_))
    others = rows.where(~rows.fresh) if fast else rows
    if len(fresh):
        try:
            await connection.copy_to_table(
                "readings", source=fresh.by_key().stream(), columns=COLUMNS, format="binary"
            )
        except asyncpg.UniqueViolationError as error:
            raise _Met from error
    if not len(others):
        return Committed(rows=len(rows), fast=fast)
    merged = await merge_rows(connection, others)
    return Committed(len(rows), merged.duplicates, merged.corrections, fast)


async def _mark_dirty(connection: Connection, rows: Rows, closing_through: int | None) -> None:
    """Ask for the minutes that are rolled up already, or just being, to be rolled up again."""
    if closing_through is None or not len(rows):
        return
    behind = rows.ts < closing_through
    if not behind.any():
        return
    pairs = np.unique(rows.ts[behind] // MINUTE_US << 32 | rows.sensor[behind])
    if len(pairs) > MOST_MARKS:
        pairs = np.unique(pairs >> 32) << 32  # whole minutes: sensor 0 stands for all
    await connection.execute(
        "INSERT INTO rollup_dirty (bucket, sensor) "
        "SELECT * FROM unnest($1::timestamptz[], $2::integer[])",
        ((pairs >> 32) * MINUTE_US).tolist(),
        (pairs & 0xFFFF_FFFF).tolist(),
    )


async def _keep_entries(connection: Connection, change: Commit, *, stored: int) -> None:
    wanted = set(EntryKind) if change.set_aside else {EntryKind.PROGRAM, EntryKind.ACT}
    kept = [(p, e) for p, e in change.entries if p > stored and e.kind in wanted]
    await connection.executemany(
        "INSERT INTO kept_entries (position, kind, stored_at, payload) "
        "VALUES ($1, $2, now(), $3) ON CONFLICT DO NOTHING",
        [(position, int(entry.kind), entry.payload) for position, entry in kept],
    )
    if change.set_aside:
        await connection.executemany(
            "INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, "
            "reason, kind) VALUES ($1, $2, $3, now(), $4, 'set_aside')",
            [(change.journal_id, p - 1, p + 1, change.set_aside) for p, _ in kept],
        )
