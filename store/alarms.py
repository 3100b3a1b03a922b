"""Alarms and what happened to them, as stored: lists, one with its timeline, events to resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from alerting.alarms import Alarm, Transition
from store.database import Database
from store.decisions import alarm_key
from store.scope import Scope, gateways_in_scope

Openness = Literal["open", "unacknowledged", "closed"]

NO_LEVEL: Final = "none"
"""What a filter calls the level of an alarm that has none."""
Place = tuple[int, int, int]
"""(raised_at, position, ordinal of birth): the order of lists."""

_alarm = msgspec.msgpack.Decoder(Alarm).decode
_transition = msgspec.msgpack.Decoder(Transition).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    """Which alarms; what is None does not matter.

    `level` may be `NO_LEVEL`; `since` <= raised_at < `until`, int64 µs UTC.
    """

    state: Openness | None = None
    level: str | None = None
    kind: str | None = None
    priority: int | None = None
    enterprise: str | None = None
    site: str | None = None
    gateway: int | None = None
    sensor: int | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A transition as stored; `alarm` as it stands now (None: of a condition, not of an alarm)."""

    position: int
    ordinal: int
    transition: Transition
    alarm: Alarm | None

    @property
    def id(self) -> str:
        return f"{self.position}.{self.ordinal}"


async def list_alarms(
    database: Database,
    scope: Scope,
    wanted: AlarmFilter,
    *,
    after: Place | None = None,
    limit: int = 100,
) -> list[Alarm]:
    """Alarms behind a place, or all of them, the newest raised first."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            _LIST,
            *scope.parameters(),
            wanted.state,
            wanted.level,
            wanted.kind,
            wanted.priority,
            wanted.enterprise,
            wanted.site,
            wanted.gateway,
            wanted.sensor,
            wanted.since,
            wanted.until,
            *(after or (None, None, None)),
            limit,
        )
    return [_alarm(row["body"]) for row in rows]


def place_of(alarm: Alarm) -> Place:
    """Where an alarm stands in lists."""
    return alarm.raised_at, *alarm_key(alarm.id)


async def get_alarm(database: Database, scope: Scope, id_: str) -> Alarm | None:
    """One alarm; None when there is none, or none in scope."""
    try:
        key = alarm_key(id_)
    except ValueError:
        return None
    async with database.connection() as connection:
        body = await connection.fetchval(
            "SELECT body FROM alarms WHERE born_position = $1 AND born_ordinal = $2 "
            f"AND {gateways_in_scope('gateway', 3)}",
            *key,
            *scope.parameters(),
        )
    return None if body is None else _alarm(body)


async def timeline(
    database: Database,
    scope: Scope,
    id_: str,
    *,
    before: tuple[int, int] | None = None,
    limit: int = 1000,
) -> list[StoredEvent]:
    """The newest of what happened to one alarm before an id, or until now, the oldest first.

    Nothing when out of scope.
    """
    position, ordinal = before or (None, None)
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT position, ordinal, body FROM transitions "
            f"WHERE alarm = $1 AND {gateways_in_scope('gateway', 3)} "
            "AND ($6::bigint IS NULL OR (position, ordinal) < ($6, $7::bigint)) "
            "ORDER BY position DESC, ordinal DESC LIMIT $2",
            id_,
            limit,
            *scope.parameters(),
            position,
            ordinal,
        )
    newest_first = (
        StoredEvent(r["position"], r["ordinal"], _transition(r["body"]), None) for r in rows
    )
    return list(newest_first)[::-1]


async def events_after(
    database: Database, scope: Scope, after: tuple[int, int], *, limit: int = 500
) -> list[StoredEvent]:
    """Transitions of alarms behind an id, in order, each with its alarm as it stands now."""
    async with database.connection() as connection:
        rows = await connection.fetch(_EVENTS, *scope.parameters(), *after, limit)
    return [
        StoredEvent(
            row["position"],
            row["ordinal"],
            _transition(row["body"]),
            None if row["alarm_body"] is None else _alarm(row["alarm_body"]),
        )
        for row in rows
    ]


async def oldest_event(database: Database) -> tuple[int, int] | None:
    """Id of the oldest transition that is kept: a resume from before it needs a snapshot."""
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT position, ordinal FROM transitions ORDER BY position, ordinal LIMIT 1"
        )
    return None if row is None else (row["position"], row["ordinal"])


_LIST: Final = f"""
SELECT body FROM alarms
WHERE {gateways_in_scope("gateway", 1)}
  AND ($4::text IS NULL
       OR CASE $4 WHEN 'open' THEN state <> 'normal'
                  WHEN 'unacknowledged' THEN state LIKE '%unacknowledged'
                  ELSE state = 'normal' END)
  AND ($5::text IS NULL OR coalesce(level, '{NO_LEVEL}') = $5)
  AND ($6::text IS NULL OR kind = $6)
  AND ($7::integer IS NULL OR priority = $7)
  AND ($8::text IS NULL OR gateway IN (
       SELECT g.number FROM gateways g JOIN sites s ON s.id = g.site WHERE s.enterprise = $8))
  AND ($9::text IS NULL OR gateway IN (SELECT g.number FROM gateways g WHERE g.site = $9))
  AND ($10::integer IS NULL OR gateway = $10)
  AND ($11::integer IS NULL OR sensor = $11)
  AND ($12::timestamptz IS NULL OR raised_at >= $12)
  AND ($13::timestamptz IS NULL OR raised_at < $13)
  AND ($14::timestamptz IS NULL
       OR (raised_at, born_position, born_ordinal) < ($14, $15::bigint, $16::bigint))
ORDER BY raised_at DESC, born_position DESC, born_ordinal DESC
LIMIT $17
"""

_EVENTS: Final = f"""
SELECT t.position, t.ordinal, t.body, a.body AS alarm_body
FROM transitions t
LEFT JOIN alarms a ON a.born_position = split_part(t.alarm, '.', 1)::bigint
                  AND a.born_ordinal = split_part(t.alarm, '.', 2)::integer
WHERE t.alarm IS NOT NULL AND (t.position, t.ordinal) > ($4::bigint, $5::integer)
  AND {gateways_in_scope("t.gateway", 1)}
ORDER BY t.position, t.ordinal
LIMIT $6
"""
