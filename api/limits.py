"""Limits of a sensor: shown, replaced with a reason, and every change on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from alerting import Level, Limit
from api.answers import Json, Number, Page, Time, cursor_key, cursor_text, rfc3339
from api.bodies import Body
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.in_force import enforce
from api.lists import Cursor, Listing, SensorId
from api.lists import Limit as PageLimit
from api.problems import Problem
from domain.assets import Sensor
from domain.catalogue import catalogue
from domain.readings import MICROSECONDS
from store.limits import (
    LimitChange,
    LimitDraft,
    complete,
    default_limits,
    limit_changes,
    set_limits,
)

router = APIRouter(prefix="/sensors", tags=["registry"])


class LimitView(msgspec.Struct, frozen=True):
    """In the sensor's unit; `source`: standard and clause, or who set it."""

    setpoint: float
    deadband: float
    on_delay_s: float
    off_delay_s: float
    latch: bool
    source: str


class LimitBody(Body):
    setpoint: float
    deadband: float | None = Field(default=None, ge=0)
    on_delay_s: float | None = Field(default=None, ge=0, le=86_400)
    off_delay_s: float | None = Field(default=None, ge=0, le=86_400)
    latch: bool | None = None
    source: str | None = Field(default=None, max_length=200)


NewLimits = dict[Level, LimitBody | None]


class LimitsBody(Body):
    limits: NewLimits = Field(examples=[{"HH": {"setpoint": 50}, "H": {"setpoint": 25}}])
    reason: str = Field(min_length=1, max_length=500, examples=["改用甲醇，按新物料调整"])


class LimitChangeView(msgspec.Struct, frozen=True):
    """`before` and `after`: the limits by level."""

    id: int
    at: Time
    actor: str
    reason: str
    before: dict[str, LimitView]
    after: dict[str, LimitView]


class SensorLimits(msgspec.Struct, frozen=True):
    limits: dict[Level, LimitView]


@router.put("/{sensor_id}/limits", **answers(SensorLimits, 401, 403, 404, 422, 503))
async def replace_limits(ask: Administering, sensor_id: SensorId, body: LimitsBody) -> Response:
    """Replace all limits; judged by at once. A level left out, or null, is judged no more.

    What is left out of a level stays as it is, or comes from the catalogue where it is new.
    """
    sensor = seen_sensor(ask, sensor_id)
    base = default_limits(catalogue().get(sensor.measurand))
    base |= {limit.level: limit for limit in ask.registry.limits.get(sensor_id, ())}
    wanted = complete(drafts_of(body.limits), base, actor=ask.user.name)
    await set_limits(
        ask.database,
        sensor_id,
        wanted.values(),
        reason=body.reason,
        actor=ask.actor,
    )
    await enforce(ask)
    return Json(SensorLimits(limit_views(tuple(wanted.values()))))


@router.get("/{sensor_id}/limits", **answers(SensorLimits, 401, 404))
async def limits(ask: Asking, sensor_id: SensorId) -> Response:
    """The limits in force."""
    seen_sensor(ask, sensor_id)
    return Json(SensorLimits(limit_views(ask.registry.limits.get(sensor_id, ()))))


@router.get(
    "/{sensor_id}/limits/changes", **answers(Page[LimitChangeView], 400, 401, 404, 422, 503)
)
async def changes(
    ask: Listing, sensor_id: SensorId, limit: PageLimit = 100, cursor: Cursor = None
) -> Response:
    """Who changed the limits, why, from what to what; newest first."""
    seen_sensor(ask, sensor_id)
    before = None if cursor is None else cursor_key(cursor, tuple[Number])[0]
    rows = await limit_changes(ask.database, ask.scope, sensor_id, before=before, limit=limit + 1)
    chosen = rows[:limit]
    following = cursor_text((chosen[-1].id,)) if len(rows) > limit else None
    return Json(Page([_change(row) for row in chosen], following))


def _change(row: LimitChange) -> LimitChangeView:
    return LimitChangeView(
        row.id,
        rfc3339(row.at),
        row.actor,
        row.reason,
        {limit["level"]: _stored_view(limit) for limit in row.before},
        {limit["level"]: _stored_view(limit) for limit in row.after},
    )


def drafts_of(limits: NewLimits) -> dict[Level, LimitDraft]:
    """What was given, for the store; levels given as null left out."""
    return {
        level: LimitDraft(**body.model_dump()) for level, body in limits.items() if body is not None
    }


def limit_views(limits: tuple[Limit, ...]) -> dict[Level, LimitView]:
    return {
        limit.level: LimitView(
            limit.setpoint,
            limit.deadband,
            limit.on_delay_us / MICROSECONDS,
            limit.off_delay_us / MICROSECONDS,
            limit.latch,
            limit.source,
        )
        for limit in limits
    }


def _stored_view(row: Mapping[str, Any]) -> LimitView:
    limit = msgspec.convert(row, type=Limit)
    return limit_views((limit,))[limit.level]


def seen_sensor(ask: Ask, sensor_id: int) -> Sensor:
    """A live sensor in the caller's scope.

    Raises:
        Problem: there is none.
    """
    found = ask.registry.sensors.get(sensor_id)
    if found is None or not ask.registry.sees_sensor(ask.scope, sensor_id):
        raise Problem("not_found")
    return found
