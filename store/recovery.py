"""Where the database stands in the journal, and who may store: position, checkpoints, epochs, claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from domain.readings import Position
from store.connection import Connection
from store.database import Database
from store.orphans import close_orphans

KEPT_CHECKPOINTS: Final = 2
IN_USE_S: Final = 30.0
"""A database in which something was stored so lately is in use: checkpoints come every 10 s."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start needs to know.

    Attributes:
        journal_id: The journal the database follows; None before the first epoch.
        position: Everything up to here is stored; 0 for nothing.
        epoch_first: Where this journal began when the database first met it.
        checkpoint_position: Where the newest checkpoint was taken.
        checkpoint: The fold's bytes there; None when there is none.
        claim: What the newest process to store called itself; None for nobody.
        previous_checkpoint_position: Of the one before: the journal may be trimmed through it.
    """

    journal_id: str | None
    position: Position
    epoch_first: Position | None
    checkpoint_position: Position | None
    checkpoint: bytes | None
    previous_checkpoint_position: Position | None
    claim: str | None = None


class Fenced(Exception):
    """Another service, or a copy of this one, has taken the database over since."""


class InUse(Exception):
    """A service of another journal stores in the database; taking it over would put that one out."""


async def recover(database: Database) -> Recovered:
    """Read where the database stands."""
    async with database.connection() as connection:
        [spine] = await connection.fetch(
            "SELECT journal_id, position, claim, (SELECT first_position FROM journal_epochs epoch "
            "WHERE epoch.journal_id = spine.journal_id) AS epoch_first FROM spine"
        )
        checkpoints = await connection.fetch(
            "SELECT position, CASE WHEN row_number() OVER newest = 1 THEN body END AS body "
            "FROM checkpoints WINDOW newest AS (ORDER BY position DESC) "
            "ORDER BY position DESC LIMIT $1",
            KEPT_CHECKPOINTS,
        )
    newest = checkpoints[0] if checkpoints else None
    return Recovered(
        journal_id=spine["journal_id"],
        position=Position(spine["position"]),
        epoch_first=spine["epoch_first"],
        checkpoint_position=None if newest is None else Position(newest["position"]),
        checkpoint=None if newest is None else newest["body"],
        previous_checkpoint_position=(
            Position(checkpoints[1]["position"]) if len(checkpoints) > 1 else None
        ),
        claim=spine["claim"],
    )


async def save_checkpoint(
    connection: Connection, journal_id: str, position: int, body: bytes
) -> None:
    """Keep a checkpoint beside the one before it; an older one than the newest is not kept."""
    await connection.execute(
        "INSERT INTO checkpoints (position, journal_id, stored_at, body) "
        "SELECT $1, $2, now(), $3 "
        "WHERE NOT EXISTS (SELECT FROM checkpoints WHERE position >= $1)",
        position,
        journal_id,
        body,
    )
    await connection.execute(
        "DELETE FROM checkpoints WHERE position NOT IN "
        "(SELECT position FROM checkpoints ORDER BY position DESC LIMIT $1)",
        KEPT_CHECKPOINTS,
    )


async def open_epoch(database: Database, journal_id: str, *, first_position: int, now: int) -> None:
    """Let the database follow a journal it has not known; nothing to do for the one it follows.

    What the journal before it held beyond the stored position is lost to the database: the
    epoch's row says where it stood. `first_position` is that of the new journal's oldest entry.
    Alarms that the fold cannot know of any more are closed (`store.orphans`).

    Raises:
        ValueError: the new journal's positions do not lie behind those stored.
        Fenced: the database has followed this journal before, and another since.
        InUse: something was stored from the journal before within `IN_USE_S`.
    """
    async with database.transaction() as connection:
        [spine] = await connection.fetch("SELECT journal_id, position FROM spine FOR UPDATE")
        if spine["journal_id"] == journal_id:
            return
        await _refuse_epoch(connection, spine, journal_id, first_position)
        await connection.execute(
            "INSERT INTO journal_epochs (journal_id, opened_at, first_position, "
            "previous_position) VALUES ($1, $2, $3, $4)",
            journal_id,
            now,
            first_position,
            spine["position"],
        )
        if spine["journal_id"] is not None:
            await connection.execute(
                "INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, "
                "reason, kind) VALUES ($1, $2, $3, $4, 'another journal took over', 'epoch')",
                journal_id,
                spine["position"],
                first_position,
                now,
            )
        await connection.execute("UPDATE spine SET journal_id = $1, claim = NULL", journal_id)
        await close_orphans(connection, before=first_position, now=now)


async def refuse_epoch(database: Database, journal_id: str, *, first_position: int) -> None:
    """Raise what `open_epoch` would, and change nothing; the schema may be of an older version."""
    async with database.connection() as connection:
        [spine] = await connection.fetch("SELECT journal_id, position FROM spine")
        if spine["journal_id"] not in {None, journal_id}:
            await _refuse_epoch(connection, spine, journal_id, first_position)


async def _refuse_epoch(
    connection: Connection, spine: asyncpg.Record, journal_id: str, first_position: int
) -> None:
    [since] = await connection.fetch(
        "SELECT max(opened_at) AS opened_at, coalesce(bool_or(journal_id = $1), false) AS known "
        "FROM journal_epochs",
        journal_id,
    )
    taken = (
        f"another service took this database over at {_utc(since['opened_at'])} with journal "
        f"{spine['journal_id']}"
    )
    if since["known"]:
        raise Fenced(taken)
    if first_position <= spine["position"]:
        raise ValueError(
            f"{taken}, and it stands at {spine['position']}, but journal {journal_id} begins at "
            f"{first_position}; positions never repeat"
        )
    if spine["journal_id"] is not None:
        await _refuse_in_use(connection, spine["journal_id"])


async def _refuse_in_use(connection: Connection, journal_id: str) -> None:
    """By the server's clock. A time far ahead of it is of a clock set back since, and says nothing."""
    ago_s = await connection.fetchval(_USED_AGO, IN_USE_S)
    if ago_s is not None:
        raise InUse(
            f"another service, with journal {journal_id}, used this database {max(0, round(ago_s))} "
            "s ago"
        )


async def take_claim(
    database: Database, journal_id: str, *, known: Sequence[str], new: str
) -> None:
    """Become the one process that may store from this journal; again by the same changes nothing.

    Of two copies of a journal each knows the claims up to the copying and its own: whichever
    claims last keeps the database, and the other finds a claim it does not know.

    Args:
        database: Follows this journal already.
        journal_id: Of the journal.
        known: The claims written beside this journal, durable before this is called.
        new: One of them: this process's.

    Raises:
        Fenced: somebody else has claimed it since.
    """
    async with database.transaction() as connection:
        # A claim that a crash of the server takes back would let the other copy in again.
        await connection.execute("SET LOCAL synchronous_commit = on")
        mine = await connection.fetchval(
            "UPDATE spine SET claim = $1 "
            "WHERE journal_id = $2 AND (claim IS NULL OR claim = ANY($3)) RETURNING true",
            new,
            journal_id,
            list(known),
        )
    if mine is None:
        raise Fenced("another copy of this data directory has taken this database over since")


def _utc(time_us: int | None) -> str:
    if time_us is None:
        return "an unknown time"
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


_USED_AGO: Final = """
SELECT extract(epoch FROM clock_timestamp() - max(at))::float8
FROM (SELECT received_through FROM spine
      UNION ALL SELECT max(stored_at) FROM checkpoints
      UNION ALL SELECT max(opened_at) FROM journal_epochs) AS used (at)
WHERE abs(extract(epoch FROM clock_timestamp() - at)) < $1::float8
"""
