"""Roll-ups per minute and hour: closed when finished, rolled up again where late readings land.

Nobody is ever blocked and nothing is missed, by the order of three steps:
1. `closing_through` moves to the end of the last finished minute. It lies in the row every commit
   locks, so from then on each commit sees it, and marks what it brings for older minutes dirty.
2. The minutes before it are rolled up, one a transaction; `rolled_1m_through` follows.
3. Now and then the dirty ones are rolled up again, and their hours with them.

On TimescaleDB's community edition continuous aggregates do this, and `roll` does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from store.connection import Connection
from store.database import Database

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
GRACE_US: Final = 10_000_000
"""How long after its end a minute waits for readings that are on their way."""
REDO_US: Final = 30_000_000
"""Late minutes are rolled up again this often at most: they tend to come in swarms."""
MOST_MINUTES: Final = 60
"""Minutes, and again dirty minutes, taken by one call: so that it ends soon."""

_USABLE: Final = "value <> 'NaN' AND quality IN (0, 1, 6, 7)"  # good, uncertain, stopped, estimated

_MINUTE: Final = f"""
INSERT INTO readings_1m (bucket, sensor, readings, usable, good, low, high, mean, last)
SELECT $1, sensor, readings, usable, good, low, high, mean,
       (SELECT value FROM readings r WHERE r.ts = newest AND r.sensor = rolled.sensor)
FROM (
    SELECT sensor,
           count(*) AS readings,
           count(*) FILTER (WHERE {_USABLE}) AS usable,
           count(*) FILTER (WHERE quality = 0) AS good,
           min(value) FILTER (WHERE {_USABLE}) AS low,
           max(value) FILTER (WHERE {_USABLE}) AS high,
           avg(value) FILTER (WHERE {_USABLE}) AS mean,
           max(ts) FILTER (WHERE {_USABLE}) AS newest
    FROM readings
    WHERE ts >= $1 AND ts < $1 + INTERVAL '1 minute'
      AND ($2::integer[] IS NULL OR sensor = ANY($2))
    GROUP BY sensor
) rolled
ON CONFLICT (sensor, bucket) DO UPDATE SET
    readings = EXCLUDED.readings, usable = EXCLUDED.usable, good = EXCLUDED.good,
    low = EXCLUDED.low, high = EXCLUDED.high, mean = EXCLUDED.mean, last = EXCLUDED.last
WHERE EXCLUDED.readings >= readings_1m.readings
"""
# A minute never loses readings, but raw ones are forgotten before it is: a reading that comes after
# that must not put itself in the place of the whole minute. The same holds for hours.

_HOUR: Final = """
INSERT INTO readings_1h (bucket, sensor, readings, usable, good, low, high, mean, last)
SELECT $1, sensor, sum(readings), sum(usable), sum(good), min(low), max(high),
       sum(mean * usable) / nullif(sum(usable), 0),
       (array_agg(last ORDER BY bucket DESC) FILTER (WHERE last IS NOT NULL))[1]
FROM readings_1m
WHERE bucket >= $1 AND bucket < $1 + INTERVAL '1 hour'
  AND ($2::integer[] IS NULL OR sensor = ANY($2))
GROUP BY sensor
ON CONFLICT (sensor, bucket) DO UPDATE SET
    readings = EXCLUDED.readings, usable = EXCLUDED.usable, good = EXCLUDED.good,
    low = EXCLUDED.low, high = EXCLUDED.high, mean = EXCLUDED.mean, last = EXCLUDED.last
WHERE EXCLUDED.readings >= readings_1h.readings
"""


@dataclass(frozen=True, slots=True)
class Rolled:
    """What one call did; `more` says that another call now would find work."""

    minutes: int = 0
    hours: int = 0
    again: int = 0
    more: bool = False


async def roll(database: Database, *, now: int) -> Rolled:
    """Close finished minutes and hours, and roll up late ones again.

    Args:
        database: Where; one caller at a time.
        now: int64 µs UTC.

    Raises:
        DatabaseUnavailable: what was closed before stays closed; call again.
    """
    if (await database.storage()).policies:
        return Rolled()
    async with database.connection() as connection:
        # A minute of many millions of rows: else its bitmap is lossy and every row is re-checked.
        await connection.execute("SET work_mem = '64MB'")
        target = await _close(connection, now)
        if target is None:
            return Rolled()
        minutes, more = await _roll_minutes(database, connection, target, now)
        hours = await _roll_hours(database, connection, now)
        again = await _roll_again(database, connection, now)
    return Rolled(minutes, hours, again, more or again == MOST_MINUTES)


async def _close(connection: Connection, now: int) -> int | None:
    """Move `closing_through`; the time before which minutes may be rolled up."""
    async with connection.transaction():
        [spine] = await connection.fetch(
            "SELECT received_through, closing_through FROM spine FOR UPDATE"
        )
        received, closing = spine["received_through"], spine["closing_through"]
        if received is None:
            return None
        finished = (min(now, received) - GRACE_US) // MINUTE_US * MINUTE_US
        if closing is not None and finished <= closing:
            return int(closing)
        await connection.execute("UPDATE spine SET closing_through = $1", finished)
        return int(finished)


async def _roll_minutes(
    database: Database, connection: Connection, target: int, now: int
) -> tuple[int, bool]:
    rolled = await connection.fetchval("SELECT rolled_1m_through FROM spine")
    for done in range(MOST_MINUTES):
        # Straight to the next minute that holds anything: gaps of years cost one look.
        oldest = await _oldest(connection, rolled, target)
        minute = target if oldest is None else oldest // MINUTE_US * MINUTE_US
        if minute >= target:
            await connection.execute("UPDATE spine SET rolled_1m_through = $1", target)
            return done, False
        rolled = minute + MINUTE_US
        await _minute(database, connection, minute, None, now=now)
        await connection.execute("UPDATE spine SET rolled_1m_through = $1", rolled)
    return MOST_MINUTES, True


async def _roll_hours(database: Database, connection: Connection, now: int) -> int:
    [spine] = await connection.fetch("SELECT rolled_1m_through, rolled_1h_through FROM spine")
    target = spine["rolled_1m_through"] // HOUR_US * HOUR_US
    rolled = spine["rolled_1h_through"]
    done = 0
    while rolled is None or rolled < target:
        oldest = await _oldest(connection, rolled, target)
        if oldest is None:
            rolled = target
        else:
            hour = oldest // HOUR_US * HOUR_US
            await _hour(database, connection, hour, None, now=now)
            rolled = hour + HOUR_US
            done += 1
        await connection.execute("UPDATE spine SET rolled_1h_through = $1", rolled)
    return done


async def _roll_again(database: Database, connection: Connection, now: int) -> int:
    [spine] = await connection.fetch(
        "SELECT rolled_1m_through, rolled_1h_through, redone_at FROM spine"
    )
    if spine["redone_at"] is not None and 0 <= now - spine["redone_at"] < REDO_US:
        return 0
    rows = await connection.fetch(
        "SELECT DISTINCT bucket FROM rollup_dirty WHERE bucket < $1 ORDER BY bucket LIMIT $2",
        spine["rolled_1m_through"],
        MOST_MINUTES,
    )
    for row in rows:
        minute = row["bucket"]
        async with connection.transaction():
            marks = await connection.fetch(
                "DELETE FROM rollup_dirty WHERE bucket = $1 RETURNING sensor", minute
            )
            sensors = {mark["sensor"] for mark in marks}
            await _minute(database, connection, minute, sensors, now=now)
            hour = minute // HOUR_US * HOUR_US
            if spine["rolled_1h_through"] is not None and hour < spine["rolled_1h_through"]:
                # In the same transaction, or a crash would leave the hour as it was.
                await _hour(database, connection, hour, sensors, now=now)
    if len(rows) < MOST_MINUTES:
        await connection.execute("UPDATE spine SET redone_at = $1", now)
    return len(rows)


async def _oldest(connection: Connection, after: int | None, before: int) -> int | None:
    oldest: int | None = await connection.fetchval(
        "SELECT min(ts) FROM readings WHERE ts >= coalesce($1::timestamptz, '-infinity') AND ts < $2",
        after,
        before,
    )
    return oldest


async def _minute(
    database: Database, connection: Connection, minute: int, sensors: set[int] | None, *, now: int
) -> None:
    await _ensure(database, connection, "readings_1m", minute, now=now)
    await connection.execute(_MINUTE, minute, _named(sensors))


async def _hour(
    database: Database, connection: Connection, hour: int, sensors: set[int] | None, *, now: int
) -> None:
    await _ensure(database, connection, "readings_1h", hour, now=now)
    await connection.execute(_HOUR, hour, _named(sensors))


def _named(sensors: set[int] | None) -> list[int] | None:
    return None if sensors is None or 0 in sensors else sorted(sensors)


async def _ensure(
    database: Database, connection: Connection, table: str, time: int, *, now: int
) -> None:
    if not (await database.storage()).hypertables:
        times = np.array([time], np.int64)
        await database.partitions.ensure(connection, table, times, now=now)
