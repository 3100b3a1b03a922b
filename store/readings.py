"""Readings of one sensor over a time: raw, or per minute or hour, whichever fits the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import asyncpg

from store.connection import Connection
from store.database import Database
from store.rollups import HOUR_US, MINUTE_US
from store.scope import Scope, sensors_in_scope

Resolution = Literal["raw", "1m", "1h"]
RAW_SPAN_US: Final = 2 * HOUR_US
"""Up to this span "auto" gives raw readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingColumns:
    """Columns of equal length, oldest first; times int64 µs UTC.

    Raw: `value` (None: no usable number), `quality`, `reason`, `received`. Roll-ups: `ts` is the
    start of the minute or hour; `low`, `mean`, `high`, `last` (None: nothing usable), `readings`
    and `good` counts.

    Attributes:
        more: There are later ones that `limit` left out; ask again from the last `ts` on.
    """

    resolution: Resolution
    ts: list[int]
    more: bool
    value: list[float | None] | None = None
    quality: list[int] | None = None
    reason: list[int] | None = None
    received: list[int] | None = None
    low: list[float | None] | None = None
    mean: list[float | None] | None = None
    high: list[float | None] | None = None
    last: list[float | None] | None = None
    readings: list[int] | None = None
    good: list[int] | None = None


def choose_resolution(start: int, end: int, limit: int) -> Resolution:
    """The finest resolution that answers a span within about `limit` points."""
    span = end - start
    if span <= RAW_SPAN_US:
        return "raw"
    return "1m" if span <= limit * MINUTE_US else "1h"


async def query(
    database: Database,
    scope: Scope,
    sensor: int,
    *,
    start: int,
    end: int,
    resolution: Resolution | Literal["auto"] = "auto",
    limit: int = 2000,
) -> ReadingColumns | None:
    """Readings with start <= time < end; None when there is no such sensor in scope.

    Minutes and hours that are not rolled up yet are worked out from what is below them.
    """
    chosen = choose_resolution(start, end, limit) if resolution == "auto" else resolution
    async with database.connection() as connection:
        if not await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM sensors WHERE id = $1 AND {sensors_in_scope('id', 2)})",
            sensor,
            *scope.parameters(),
        ):
            return None
        if chosen == "raw":
            return _raw(await connection.fetch(_RAW, sensor, start, end, limit + 1), limit)
        rows = await _rolled(connection, chosen, sensor, start, end, limit + 1)
    return _buckets(chosen, rows, limit)


_RAW: Final = """
SELECT ts, nullif(value, 'NaN') AS value, quality, reason, received FROM readings
WHERE sensor = $1 AND ts >= $2 AND ts < $3 ORDER BY ts LIMIT $4
"""

_FROM_RAW: Final = """
SELECT date_bin('1 minute', ts, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS bucket,
       count(*)::integer AS readings,
       (count(*) FILTER (WHERE usable))::integer AS usable,
       (count(*) FILTER (WHERE quality = 0))::integer AS good,
       min(value) FILTER (WHERE usable) AS low,
       max(value) FILTER (WHERE usable) AS high,
       avg(value) FILTER (WHERE usable) AS mean,
       (array_agg(value ORDER BY ts DESC) FILTER (WHERE usable))[1] AS last
FROM (
    SELECT *, value <> 'NaN' AND quality IN (0, 1, 6, 7) AS usable FROM readings
    WHERE sensor = $1 AND ts < $3
      AND ts >= greatest($2, (SELECT rolled_1m_through FROM spine))
) tail
GROUP BY 1
"""

_MINUTES: Final = f"""
SELECT bucket, readings, usable, good, low, high, mean, last FROM readings_1m
WHERE sensor = $1 AND bucket >= $2 AND bucket < $3
  AND bucket < (SELECT rolled_1m_through FROM spine)
UNION ALL
{_FROM_RAW}
"""

_HOURS: Final = f"""
SELECT bucket, readings, good, low, high, mean, last FROM readings_1h
WHERE sensor = $1 AND bucket >= $2 AND bucket < $3
  AND bucket < (SELECT rolled_1h_through FROM spine)
UNION ALL
SELECT date_bin('1 hour', bucket, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS bucket,
       sum(readings)::integer, sum(good)::integer, min(low), max(high),
       sum(mean * usable) / nullif(sum(usable), 0),
       (array_agg(last ORDER BY bucket DESC) FILTER (WHERE last IS NOT NULL))[1]
FROM ({_MINUTES}) minutes
WHERE bucket >= coalesce((SELECT rolled_1h_through FROM spine), '-infinity')
GROUP BY 1
"""


async def _rolled(
    connection: Connection, resolution: Resolution, sensor: int, start: int, end: int, limit: int
) -> list[asyncpg.Record]:
    width, parts = (MINUTE_US, _MINUTES) if resolution == "1m" else (HOUR_US, _HOURS)
    policies = await connection.fetchval("SELECT storage = 'timescale_community' FROM spine")
    if policies:  # continuous aggregates add the tail themselves
        parts = (
            f"SELECT * FROM readings_{resolution} "
            "WHERE sensor = $1 AND bucket >= $2 AND bucket < $3"
        )
    rows: list[asyncpg.Record] = await connection.fetch(
        f"SELECT * FROM ({parts}) buckets ORDER BY bucket LIMIT $4",
        sensor,
        start // width * width,
        end,
        limit,
    )
    return rows


def _raw(rows: Sequence[asyncpg.Record], limit: int) -> ReadingColumns:
    kept = rows[:limit]
    return ReadingColumns(
        resolution="raw",
        ts=[row["ts"] for row in kept],
        value=[row["value"] for row in kept],
        quality=[row["quality"] for row in kept],
        reason=[row["reason"] for row in kept],
        received=[row["received"] for row in kept],
        more=len(rows) > limit,
    )


def _buckets(resolution: Resolution, rows: Sequence[asyncpg.Record], limit: int) -> ReadingColumns:
    kept = rows[:limit]
    return ReadingColumns(
        resolution=resolution,
        ts=[row["bucket"] for row in kept],
        low=[row["low"] for row in kept],
        mean=[row["mean"] for row in kept],
        high=[row["high"] for row in kept],
        last=[row["last"] for row in kept],
        readings=[row["readings"] for row in kept],
        good=[row["good"] for row in kept],
        more=len(rows) > limit,
    )
