"""How good the data was: readings of each sensor over a time, and how many were usable and good.

Finished hours come from the hourly roll-up; what is not rolled up yet is added from the minutes,
and from the raw readings behind them, so that the hour that runs is in it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.database import Database
from store.scope import Scope, gateways_in_scope


@dataclass(frozen=True, slots=True)
class SensorQuality:
    """Readings of one sensor over a time, and how many of them were usable and good."""

    sensor: int
    readings: int
    usable: int
    good: int


_HOURS: Final = """
SELECT sensor, readings, usable, good FROM readings_1h WHERE bucket >= $4 AND bucket < $5
"""

_WITH_TAIL: Final = f"""
{_HOURS} AND bucket < (SELECT rolled_1h_through FROM spine)
UNION ALL
SELECT sensor, readings, usable, good FROM readings_1m
WHERE bucket >= greatest($4, (SELECT rolled_1h_through FROM spine)) AND bucket < $5
  AND bucket < (SELECT rolled_1m_through FROM spine)
UNION ALL
SELECT sensor, count(*),
       count(*) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)),
       count(*) FILTER (WHERE quality = 0)
FROM readings
WHERE ts >= greatest($4, (SELECT rolled_1m_through FROM spine)) AND ts < $5
GROUP BY sensor
"""


async def data_quality(
    database: Database, scope: Scope, *, since: int, until: int
) -> list[SensorQuality]:
    """Per sensor, over a time (int64 µs UTC); sensors without data left out.

    Of hours that are rolled up those that begin within the time count, and count whole.
    """
    async with database.connection() as connection:
        policies = await connection.fetchval("SELECT storage = 'timescale_community' FROM spine")
        parts = _HOURS if policies else _WITH_TAIL  # continuous aggregates add the tail themselves
        rows = await connection.fetch(
            "SELECT r.sensor, sum(r.readings)::bigint AS readings, sum(r.usable)::bigint AS usable,"
            f" sum(r.good)::bigint AS good FROM ({parts}) r "
            "JOIN sensor_bindings b ON b.sensor = r.sensor AND b.unbound_at IS NULL "
            f"WHERE {gateways_in_scope('b.gateway', 1)} GROUP BY r.sensor ORDER BY r.sensor",
            *scope.parameters(),
            since,
            until,
        )
    return [SensorQuality(**row) for row in rows]
