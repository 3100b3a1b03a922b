"""Rows that may meet an earlier one of the same (time, sensor): stragglers, corrections, replays.

They go through a temporary table. Per key, what is stored and what arrives make one chain in order
of arrival; a link equal to the one before it is a duplicate and ignored; the last link is the
current row; the links before it are kept as corrections. NaN (no usable number) equals NaN.

A copy (`Reason.COPY`) may begin a chain and never goes on with one: delivered again after its
correction, a message would take the correction back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.readings import Reason
from store.connection import Connection
from store.packing import COLUMNS, Rows

_STAGING: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS readings_staging (
    ord integer NOT NULL,
    ts timestamptz NOT NULL,
    sensor integer NOT NULL,
    quality smallint NOT NULL,
    reason smallint NOT NULL,
    value double precision NOT NULL,
    received timestamptz NOT NULL,
    position bigint NOT NULL
) ON COMMIT DELETE ROWS
"""

# The stored row is looked up key by key (LATERAL with LIMIT keeps the planner from anything else:
# it knows nothing of the staging table's size and might read whole partitions).
_MERGE: Final = f"""
WITH keys AS (
    SELECT DISTINCT ts, sensor FROM readings_staging
), versions AS (
    SELECT 0 AS ord, r.*
    FROM keys CROSS JOIN LATERAL (
        SELECT ts, sensor, quality, reason, value, received, position FROM readings
        WHERE readings.ts = keys.ts AND readings.sensor = keys.sensor LIMIT 1
    ) r
    UNION ALL
    SELECT * FROM readings_staging
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY ts, sensor ORDER BY ord) AS place
    FROM versions
), chain AS (
    SELECT *, lag(value) OVER (PARTITION BY ts, sensor ORDER BY ord) AS before
    FROM numbered WHERE place = 1 OR reason & {int(Reason.COPY)} = 0
), links AS (
    SELECT *,
           lead(position) OVER (PARTITION BY ts, sensor ORDER BY ord) AS replaced_by
    FROM chain WHERE before IS NULL OR before <> value
), corrected AS (
    INSERT INTO reading_corrections
        (ts, sensor, quality, reason, value, received, position, replaced_by)
    SELECT ts, sensor, quality, reason, value, received, position, replaced_by
    FROM links WHERE replaced_by IS NOT NULL
    RETURNING 1
), stored AS (
    INSERT INTO readings (ts, sensor, quality, reason, value, received, position)
    SELECT ts, sensor, quality, reason, value, received, position
    FROM links WHERE replaced_by IS NULL AND ord > 0
    ON CONFLICT (ts, sensor) DO UPDATE SET
        quality = EXCLUDED.quality, reason = EXCLUDED.reason, value = EXCLUDED.value,
        received = EXCLUDED.received, position = EXCLUDED.position
    RETURNING 1
)
SELECT (SELECT count(*) FROM readings_staging) AS arrived,
       (SELECT count(*) FROM links WHERE ord > 0) AS different,
       (SELECT count(*) FROM corrected) AS corrections,
       (SELECT count(*) FROM stored) AS current
"""


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of rows: duplicates and copies were ignored, corrections moved a value aside."""

    duplicates: int
    corrections: int


async def merge_rows(connection: Connection, rows: Rows) -> Merged:
    """Store rows by their identity; once per transaction of the caller."""
    await connection.execute(_STAGING)
    await connection.copy_to_table(
        "readings_staging",
        schema_name="pg_temp",
        source=rows.stream(ordered=True),
        columns=("ord", *COLUMNS),
        format="binary",
    )
    [counts] = await connection.fetch(_MERGE)
    return Merged(
        duplicates=counts["arrived"] - counts["different"], corrections=counts["corrections"]
    )
