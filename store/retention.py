"""What is forgotten, and when: whole partitions or chunks of readings, old rows of the rest.

And what makes old readings quick to read: a partition's key leads with the time, which is right
for writing; once its day is over it gets an index that leads with the sensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import asyncpg

from store.believed_time import believed_now, note_believed
from store.connection import Connection
from store.database import Database
from store.partitions import DAY_US
from store.storage import Storage

SHORTEST_DAYS: Final = 30
"""Order 40 asks for 30 days of everything."""
STEP: Final = 5000
"""Rows deleted by one statement."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Days that things are kept; nothing below 30. `raw` None: 90, or 400 where compressed."""

    raw: int | None = None
    minutes: int = 730
    hours: int = 3650
    alarms: int = 1830
    quarantine: int = 30

    def __post_init__(self) -> None:
        for name in self.__slots__:
            days = getattr(self, name)
            if days is not None and days < SHORTEST_DAYS:
                raise ValueError(f"{name}: {days} days is less than the {SHORTEST_DAYS} required")

    def raw_days(self, storage: Storage) -> int:
        if self.raw is not None:
            return self.raw
        return 400 if storage.policies else 90


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one call removed: names of partitions or chunks, and the number of other rows.

    `by`: the time it went by, earlier than `now` where the clock was not believed (µs UTC); None
    where nothing was ever stored.
    """

    tables: tuple[str, ...]
    rows: int
    by: int | None


async def forget_old(database: Database, keep: Keep, *, now: int) -> Forgotten:
    """Forget what is past its time; of a clock that leaps ahead only a step is believed.

    Args:
        database: where.
        keep: how long.
        now: what the clock says, int64 µs UTC.

    Raises:
        DatabaseUnavailable: call again; what was forgotten stays forgotten.
    """
    storage = await database.storage()
    raw_days = keep.raw_days(storage)
    async with database.connection() as connection:
        believed = await believed_now(database, connection, raw_days=raw_days, now=now)
    if believed is None:
        return Forgotten((), 0, None)
    now = believed
    raw = now - raw_days * DAY_US
    cuts = {
        "readings": raw,
        "readings_1m": now - keep.minutes * DAY_US,
        "readings_1h": now - keep.hours * DAY_US,
    }
    dropped: list[str] = []
    rows = 0
    async with database.connection() as connection:
        if storage.policies:
            await _bound_refreshes(connection, max(raw, cuts["readings_1m"]), now=now)
        for table, cut in cuts.items():
            if storage.hypertables:
                dropped += await _drop_chunks(connection, table, cut)
            else:
                dropped += await _drop_partitions(database, connection, table, cut)
        await note_believed(connection, now)
        for statement, cut in (
            (_old("reading_corrections", "ts"), raw),
            (_old("kept_entries", "stored_at"), raw),
            (_old("rollup_dirty", "bucket"), raw),
            (_old("quarantine", "at"), now - keep.quarantine * DAY_US),
            (_old("outbox", "created_at"), now - keep.quarantine * DAY_US),
            (_CLOSED_ALARMS, now - keep.alarms * DAY_US),
            (_OLD_TRANSITIONS, now - keep.alarms * DAY_US),
            (_old("sessions", "expires_at"), now),
        ):
            rows += await _delete(connection, statement, cut)
    return Forgotten(tuple(dropped), rows, now)


def _old(table: str, column: str, also: str = "true") -> str:
    return (
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
        f"SELECT ctid FROM {table} WHERE {column} < $1 AND {also} LIMIT {STEP}))"
    )


# By the last thing that happened to it: one that was open for years has just been closed.
_CLOSED_ALARMS: Final = f"""
DELETE FROM alarms WHERE ctid = ANY(ARRAY(
    SELECT a.ctid FROM alarms a
    WHERE a.raised_at < $1 AND a.state = 'normal' AND NOT EXISTS (
        SELECT FROM transitions t
        WHERE t.decided >= $1 AND t.alarm = a.born_position || '.' || a.born_ordinal)
    LIMIT {STEP}))
"""

# The history of an alarm that is still there stays whole.
_OLD_TRANSITIONS: Final = f"""
DELETE FROM transitions WHERE ctid = ANY(ARRAY(
    SELECT t.ctid FROM transitions t
    WHERE t.decided < $1 AND NOT EXISTS (
        SELECT FROM alarms a WHERE a.born_position = split_part(t.alarm, '.', 1)::bigint
        AND a.born_ordinal = split_part(t.alarm, '.', 2)::integer)
    LIMIT {STEP}))
"""


async def _delete(connection: Connection, statement: str, cut: int) -> int:
    total = 0
    while True:
        done = int((await connection.execute(statement, cut)).split()[-1])
        total += done
        if done < STEP:
            return total


async def _drop_partitions(
    database: Database, connection: Connection, table: str, cut: int
) -> list[str]:
    dropped: list[str] = []
    for partition in await database.partitions.ending_before(connection, table, cut):
        try:
            async with connection.transaction():
                # Rather leave it to the next call than make every writer wait behind this lock.
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                await connection.execute(f"DROP TABLE {partition.name}")
        except asyncpg.LockNotAvailableError:
            break
        dropped.append(partition.name)
    if dropped:
        database.partitions.forget()
    return dropped


async def _drop_chunks(connection: Connection, table: str, cut: int) -> list[str]:
    ends = [row["range_end"] for row in await connection.fetch(_CHUNK_ENDS, table, cut)]
    dropped: list[str] = []
    for end in [*ends[CHUNKS_AT_ONCE - 1 : -1 : CHUNKS_AT_ONCE], *ends[-1:]]:
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                rows = await connection.fetch(
                    "SELECT drop_chunks($1::regclass, older_than => $2::timestamptz)::text AS chunk",
                    table,
                    end,
                )
        except asyncpg.LockNotAvailableError:
            break
        dropped += [row["chunk"] for row in rows]
    return dropped


CHUNKS_AT_ONCE: Final = 100
"""Chunks dropped by one transaction: each holds locks until its end, for which room is limited."""

# Also of a continuous aggregate, whose chunks belong to a hypertable with a made-up name.
_CHUNK_ENDS: Final = """
SELECT range_end FROM timescaledb_information.chunks
WHERE hypertable_name = coalesce(
    (SELECT materialization_hypertable_name::text
     FROM timescaledb_information.continuous_aggregates WHERE view_name = $1), $1)
  AND range_end <= $2 ORDER BY range_end
"""


async def _bound_refreshes(connection: Connection, cut: int, *, now: int) -> None:
    """Have continuous aggregates follow late rows as far back as nothing was ever forgotten.

    No further: a refresh of a time whose raw readings are gone would take the roll-up with them.
    """
    forgotten = await connection.fetchval(
        "UPDATE spine SET forgotten_through = greatest(forgotten_through, $1::timestamptz) "
        "RETURNING forgotten_through",
        cut,
    )
    reach = max(now - forgotten, 2 * DAY_US) // DAY_US - 1
    await connection.execute(
        "SELECT (alter_job(job_id, "
        "config => jsonb_set(config, '{start_offset}', to_jsonb($1::text)))).job_id"
        " FROM timescaledb_information.jobs WHERE proc_name = 'policy_refresh_continuous_aggregate'"
        " AND config ->> 'start_offset' IS DISTINCT FROM $1",
        f"{reach} days",
    )


async def index_closed(database: Database, *, now: int) -> list[str]:
    """Give finished tables of raw readings their index by sensor; returns those it made.

    Partitions, and chunks of the Apache edition (the other compresses them by sensor). Writers are
    not blocked; an index that was left half-made is made anew.
    """
    storage = await database.storage()
    if storage.policies:
        return []
    made: list[str] = []
    async with database.connection() as connection:
        if storage.hypertables:
            rows = await connection.fetch(_FINISHED_CHUNKS, now - DAY_US)
            tables = [row["chunk_name"] for row in rows]
        else:
            finished = await database.partitions.ending_before(connection, "readings", now - DAY_US)
            tables = [partition.name for partition in finished]
        for table in tables:
            index = f"{table}_sensor"
            valid = await connection.fetchval(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", index
            )
            if valid:
                continue
            await connection.execute("SET statement_timeout = 0")
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
            await connection.execute(
                f"CREATE INDEX CONCURRENTLY {index} ON {table} (sensor, ts)", timeout=3600
            )
            made.append(index)
    return made


_FINISHED_CHUNKS: Final = """
SELECT chunk_name::text FROM timescaledb_information.chunks
WHERE hypertable_name = 'readings' AND range_end <= $1 ORDER BY range_end
"""
