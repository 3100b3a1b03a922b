"""Limits of a sensor: defaults from the catalogue, checks, and audited changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, get_args

import msgspec

from alerting.limits import Level, Limit
from domain.catalogue import Measurand
from domain.readings import MICROSECONDS
from store.assets import check_text
from store.audit import Actor
from store.connection import Connection
from store.database import Database
from store.refusals import Invalid, NotFound
from store.registry_rows import limit_of
from store.scope import Scope, sensors_in_scope

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the highest down."""
LONGEST_DELAY_S: Final = 86_400.0


class LimitDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What people give of a limit. What is None stays as it is, else comes from the catalogue."""

    setpoint: float
    deadband: float | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    latch: bool | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class LimitChange:
    """Who changed a sensor's limits, why, from what, to what. `at` int64 µs UTC."""

    id: int
    sensor: int
    at: int
    actor: str
    reason: str
    before: Sequence[Mapping[str, Any]]
    after: Sequence[Mapping[str, Any]]


def default_limits(measurand: Measurand | None) -> dict[Level, Limit]:
    """What the catalogue gives a sensor of this measurand, by level."""
    if measurand is None:
        return {}
    return {
        limit.level: Limit(
            level=limit.level,
            setpoint=limit.setpoint,
            deadband=limit.deadband,
            on_delay_us=round(limit.on_delay_s * MICROSECONDS),
            off_delay_us=round(limit.off_delay_s * MICROSECONDS),
            latch=limit.latch,
            source=limit.source,
        )
        for limit in measurand.limits
    }


def complete(
    drafts: Mapping[Level, LimitDraft], base: Mapping[Level, Limit], *, actor: str
) -> dict[Level, Limit]:
    """Limits made of drafts, each with what its level has in `base` where the draft is silent.

    A limit whose setpoint differs from the base no longer has the base's source: who set it is
    its source then.
    """
    made: dict[Level, Limit] = {}
    for level, draft in drafts.items():
        before = base.get(level, Limit(level=level, setpoint=math.nan, source=actor))
        same = before.setpoint == draft.setpoint
        made[level] = Limit(
            level=level,
            setpoint=draft.setpoint,
            deadband=before.deadband if draft.deadband is None else draft.deadband,
            on_delay_us=_delay(draft.on_delay_s, before.on_delay_us),
            off_delay_us=_delay(draft.off_delay_s, before.off_delay_us),
            latch=before.latch if draft.latch is None else draft.latch,
            source=draft.source or (before.source if same else actor),
        )
    return made


def _delay(given_s: float | None, before_us: int) -> int:
    if given_s is None:
        return before_us
    return round(given_s * MICROSECONDS) if math.isfinite(given_s) else -1


def check_limits(limits: Mapping[Level, Limit], low: float | None, high: float | None) -> None:
    """Refuse limits that cannot be.

    Raises:
        Invalid: a number that is not finite, a delay or deadband below zero, a setpoint beyond
            the sensor's range, levels in the wrong order.
    """
    for level, limit in limits.items():
        field = f"limits.{level}"
        if level not in LEVELS or limit.level != level:
            raise Invalid(field, "a limit's level is one of HH, H, L, LL")
        if not math.isfinite(limit.setpoint):
            raise Invalid(f"{field}.setpoint", "must be a finite number")
        if (low is not None and limit.setpoint < low) or (
            high is not None and limit.setpoint > high
        ):
            raise Invalid(f"{field}.setpoint", f"lies outside the sensor's range {low} to {high}")
        if not (math.isfinite(limit.deadband) and limit.deadband >= 0):
            raise Invalid(f"{field}.deadband", "must be a finite number, zero or more")
        for name, delay in (("on_delay_s", limit.on_delay_us), ("off_delay_s", limit.off_delay_us)):
            if not 0 <= delay <= LONGEST_DELAY_S * MICROSECONDS:
                raise Invalid(f"{field}.{name}", f"must lie between 0 and {LONGEST_DELAY_S:g} s")
        check_text(f"{field}.source", limit.source)
    given = [limits[level] for level in LEVELS if level in limits]
    for upper, lower in pairwise(given):
        if upper.setpoint <= lower.setpoint:
            raise Invalid(f"limits.{upper.level}.setpoint", f"must lie above that of {lower.level}")


async def set_limits(
    database: Database,
    sensor: int,
    limits: Iterable[Limit],
    *,
    reason: str,
    actor: Actor,
) -> None:
    """Replace all limits of a live sensor; levels left out are no longer judged.

    Args:
        database: Where.
        sensor: Its id.
        limits: The limits it shall have, at most one a level.
        reason: Why, for the record; required.
        actor: Who, and when.

    Raises:
        NotFound: no such live sensor.
        Invalid: see `check_limits`; or no reason was given.
    """
    check_text("reason", reason, longest=500, required=True)
    wanted = {limit.level: limit for limit in limits}
    async with database.transaction() as connection:
        live = await connection.fetchrow(
            "SELECT range_low, range_high FROM sensors WHERE id = $1 AND removed_at IS NULL "
            "FOR UPDATE",
            sensor,
        )
        if live is None:
            raise NotFound("sensor", sensor)
        check_limits(wanted, live["range_low"], live["range_high"])
        rows = await connection.fetch("SELECT * FROM limits WHERE sensor = $1", sensor)
        before = {row["level"]: limit_of(row) for row in rows}
        await connection.execute("DELETE FROM limits WHERE sensor = $1", sensor)
        await insert_limits(connection, [(sensor, limit) for limit in wanted.values()])
        await note_change(connection, sensor, before, wanted, reason=reason, actor=actor)


async def insert_limits(connection: Connection, limits: Sequence[tuple[int, Limit]]) -> None:
    await connection.executemany(
        "INSERT INTO limits (sensor, level, setpoint, deadband, on_delay_us, off_delay_us, "
        "latch, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                sensor,
                limit.level,
                limit.setpoint,
                limit.deadband,
                limit.on_delay_us,
                limit.off_delay_us,
                limit.latch,
                limit.source,
            )
            for sensor, limit in limits
        ],
    )


async def note_change(
    connection: Connection,
    sensor: int,
    before: Mapping[Level, Limit],
    after: Mapping[Level, Limit],
    *,
    reason: str,
    actor: Actor,
) -> None:
    await connection.execute(
        "INSERT INTO limit_changes (sensor, at, actor, reason, before, after) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        sensor,
        actor.at,
        actor.name,
        reason,
        [before[level] for level in LEVELS if level in before],
        [after[level] for level in LEVELS if level in after],
    )


async def limit_changes(
    database: Database, scope: Scope, sensor: int, *, before: int | None = None, limit: int = 100
) -> list[LimitChange]:
    """Changes of a sensor's limits before one's id, or until now, the newest first.

    Nothing when the sensor is out of scope.
    """
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, sensor, at, actor, reason, before, after FROM limit_changes "
            "WHERE sensor = $1 AND ($2::bigint IS NULL OR id < $2) "
            f"AND {sensors_in_scope('$1', 4)} ORDER BY id DESC LIMIT $3",
            sensor,
            before,
            limit,
            *scope.parameters(),
        )
    return [LimitChange(**row) for row in rows]
