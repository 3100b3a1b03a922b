"""Where the database stands in the journal: position, checkpoints, epochs, holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.readings import Position
from store.connection import Connection
from store.database import Database
from store.orphans import close_orphans

KEPT_CHECKPOINTS: Final = 2


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start needs to know.

    Attributes:
        journal_id: The journal the database follows; None before the first epoch.
        position: Everything up to here is stored; 0 for nothing.
        epoch_first: Where this journal began when the database first met it.
        checkpoint_position: Where the newest checkpoint was taken.
        checkpoint: The fold's bytes there; None when there is none.
        previous_checkpoint_position: Of the one before: the journal may be trimmed through it.
    """

    journal_id: str | None
    position: Position
    epoch_first: Position | None
    checkpoint_position: Position | None
    checkpoint: bytes | None
    previous_checkpoint_position: Position | None


@dataclass(frozen=True, slots=True)
class Hole:
    """Entries between two positions that were never stored, and why. Times int64 µs UTC."""

    journal_id: str
    after: int
    next: int
    found_at: int
    reason: str


async def recover(database: Database) -> Recovered:
    """Read where the database stands."""
    async with database.connection() as connection:
        [spine] = await connection.fetch(
            "SELECT journal_id, position, (SELECT first_position FROM journal_epochs epoch "
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
    """
    async with database.transaction() as connection:
        [spine] = await connection.fetch("SELECT journal_id, position FROM spine FOR UPDATE")
        if spine["journal_id"] == journal_id:
            return
        if first_position <= spine["position"]:
            raise ValueError(
                f"journal {journal_id} begins at {first_position}, but the database stands at "
                f"{spine['position']}; positions never repeat"
            )
        await connection.execute(
            "INSERT INTO journal_epochs (journal_id, opened_at, first_position, "
            "previous_position) VALUES ($1, $2, $3, $4)",
            journal_id,
            now,
            first_position,
            spine["position"],
        )
        await connection.execute("UPDATE spine SET journal_id = $1", journal_id)
        await close_orphans(connection, before=first_position, now=now)


async def record_hole(
    database: Database, *, journal_id: str, after: int, next_: int, now: int, reason: str
) -> None:
    """Write down that the entries between two positions were never stored; once for each.

    Alarms that the fold cannot know of any more are closed (`store.orphans`).
    """
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, "
            "reason) SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM journal_holes "
            "WHERE journal_id = $1 AND after_position = $2 AND next_position = $3)",
            journal_id,
            after,
            next_,
            now,
            reason,
        )
        await close_orphans(connection, before=next_, now=now)


async def list_holes(database: Database, *, limit: int = 100) -> list[Hole]:
    """The newest holes first."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT journal_id, after_position AS after, next_position AS next, found_at, reason "
            "FROM journal_holes ORDER BY id DESC LIMIT $1",
            limit,
        )
    return [Hole(**row) for row in rows]
