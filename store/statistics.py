"""Figures over stored alarms, within a scope: by time, and by kind and level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.database import Database
from store.rollups import HOUR_US
from store.scope import Scope, gateways_in_scope

DAY_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class AlarmsRaised:
    """Alarms raised since the start of the day, and in each of the last 24 hours, oldest first."""

    today: int
    by_hour: list[int]


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """How many alarms of one kind and level were raised; `priority`: of the most urgent of them."""

    kind: str
    level: str | None
    priority: int
    alarms: int
    unacknowledged: int


async def alarms_raised(
    database: Database, scope: Scope, *, now: int, day_start: int
) -> AlarmsRaised:
    """Counts for the overview. `now` and `day_start` (the viewer's midnight): int64 µs UTC."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT floor(extract(epoch FROM $6 - raised_at) / 3600)::integer AS hours_ago, "
            "count(*) AS alarms, count(*) FILTER (WHERE raised_at >= $4) AS today FROM alarms "
            "WHERE raised_at >= least($4::timestamptz, $5::timestamptz) "
            f"AND raised_at <= $6::timestamptz AND {gateways_in_scope('gateway', 1)} GROUP BY 1",
            *scope.parameters(),
            day_start,
            now - DAY_HOURS * HOUR_US,
            now,
        )
    raised = {row["hours_ago"]: row["alarms"] for row in rows}
    by_hour = [raised.get(hours_ago, 0) for hours_ago in reversed(range(DAY_HOURS))]
    return AlarmsRaised(sum(row["today"] for row in rows), by_hour)


async def alarm_counts(
    database: Database, scope: Scope, *, since: int, until: int
) -> list[AlarmCount]:
    """Alarms raised in a time (int64 µs UTC) by kind and level, the most frequent first."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, level, min(priority) AS priority, count(*) AS alarms, "
            "count(*) FILTER (WHERE state LIKE '%unacknowledged') AS unacknowledged "
            "FROM alarms WHERE raised_at >= $4 AND raised_at < $5 "
            f"AND {gateways_in_scope('gateway', 1)} "
            "GROUP BY kind, level ORDER BY alarms DESC, kind, level",
            *scope.parameters(),
            since,
            until,
        )
    return [AlarmCount(**row) for row in rows]
