"""What of the journal never reached the database: noted once, counted, asked for."""

from __future__ import annotations

from dataclasses import dataclass

from store.database import Database
from store.orphans import close_orphans


@dataclass(frozen=True, slots=True)
class Losses:
    """What was found missing lately. Times int64 µs UTC.

    Attributes:
        holes: Stretches that no one has: lost, or in a journal that was replaced.
        newest_hole_at: When the newest of them was found; None for none.
        set_aside: Entries whose content the database refused, kept whole beside.
    """

    holes: int = 0
    newest_hole_at: int | None = None
    set_aside: int = 0


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


async def losses(database: Database, *, since: int) -> Losses:
    """What was found missing from a time on (int64 µs UTC)."""
    async with database.connection() as connection:
        [row] = await connection.fetch(
            "SELECT count(*) FILTER (WHERE kind <> 'set_aside') AS holes, "
            "max(found_at) FILTER (WHERE kind <> 'set_aside') AS newest_hole_at, "
            "count(*) FILTER (WHERE kind = 'set_aside') AS set_aside "
            "FROM journal_holes WHERE found_at >= $1",
            since,
        )
    return Losses(**row)


async def lies_in_hole(database: Database, position: int) -> bool:
    """Whether an entry was lost, so that nobody can say what was decided there and after it."""
    async with database.connection() as connection:
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM journal_holes WHERE kind <> 'set_aside' "
                "AND after_position < $1 AND $1 < next_position)",
                position,
            )
        )
