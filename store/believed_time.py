"""What time it is, as far as forgetting may go by it.

What is forgotten cannot be had back, and a machine may start with a clock that is years ahead. So
forgetting takes the clock's word only as far as one of two witnesses goes:
- the last call: time has moved on by a step at most since then, whatever the clock says;
- the readings: where as many days as raw readings are kept for have readings, so many days have
  passed since the first of them.
An unbroken record bears a right clock out to the hour. A clock that is set back is believed at
once: nothing is lost by that.
"""

from __future__ import annotations

from typing import Final

from domain.readings import MICROSECONDS
from store.connection import Connection
from store.database import Database
from store.partitions import DAY_US

STEP_US: Final = 2 * 3600 * MICROSECONDS
"""Most that one call goes beyond the last one (µs). Called each hour, it catches up with a time
the service was down for, and a clock that is wrong costs a day a day."""


async def believed_now(
    database: Database, connection: Connection, *, raw_days: int, now: int
) -> int | None:
    """The time to forget by: `now` (int64 µs UTC) or an earlier one; None: nothing was ever stored.

    Args:
        database: knows how readings are stored.
        connection: to it.
        raw_days: how long raw readings are kept (days).
        now: what the clock says.
    """
    last = await connection.fetchval(
        "SELECT coalesce(forgot_at, (SELECT min(opened_at) FROM journal_epochs)) FROM spine"
    )
    if last is None:
        return None
    begin = await _begin_of_newest_days(database, connection, raw_days)
    borne_out = last if begin is None else begin + raw_days * DAY_US
    return int(min(now, max(last + STEP_US, borne_out)))


async def note_believed(connection: Connection, time: int) -> None:
    """Keep the time that was forgotten by, for the next call."""
    await connection.execute("UPDATE spine SET forgot_at = $1", time)


async def _begin_of_newest_days(
    database: Database, connection: Connection, days: int
) -> int | None:
    """Where the newest so many days with raw readings begin; None if there are fewer."""
    if (await database.storage()).hypertables:
        begin: int | None = await connection.fetchval(_NTH_NEWEST_CHUNK, days - 1)
        return begin
    known = await database.partitions.ending_before(connection, "readings", _END_OF_TIME)
    return known[-days].start if len(known) >= days else None


_END_OF_TIME: Final = 2**63 - 1

# Chunks of old times are wider than a day: then fewer days are counted, and the clock believed less.
_NTH_NEWEST_CHUNK: Final = """
SELECT range_start FROM timescaledb_information.chunks
WHERE hypertable_name = 'readings' ORDER BY range_start DESC OFFSET $1 LIMIT 1
"""
