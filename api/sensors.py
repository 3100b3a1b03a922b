"""Sensors: what they measure, where, between which limits, and what they said last."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from alerting import AlarmState, Level, Limit
from api.alarm_views import measurand_name, zone_of
from api.answers import Json, Named, Page, Texts, Time, rfc3339
from api.bodies import Body, BodyId
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.in_force import enforce, enforce_soon
from api.limits import LimitView, NewLimits, drafts_of, limit_views, seen_sensor
from api.lists import Cursor, Listing, RegionId, SensorId, by_id, matches, places
from api.lists import Limit as PageLimit
from api.situation import Situation
from domain.assets import Sensor
from domain.catalogue import catalogue
from store.limits import complete, default_limits
from store.registry import Registry
from store.sensors import add_sensor as store_sensor
from store.sensors import remove_sensor as unstore_sensor
from store.sensors import update_sensor

router = APIRouter(prefix="/sensors", tags=["registry"])
SensorText = Annotated[
    str | None,
    Query(max_length=100, description="The id, or part of the tag or name, in any case."),
]


class Range(msgspec.Struct, frozen=True):
    """Full scale, in the sensor's unit; null where it has no end."""

    low: float | None
    high: float | None


class LatestValue(msgspec.Struct, frozen=True):
    """The newest live reading.

    `quality`: 0 good, 1 uncertain, 2 bad, 3 calibration, 4 maintenance, 5 offline, 6 stopped,
    7 estimated.
    """

    ts: Time
    value: float | None
    quality: int
    received: Time


class SensorView(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """`state`: state of the worst open alarm, "stale" when only silence, or "normal"."""

    id: int
    gateway: str
    tag: str
    name: str
    measurand: str
    measurand_name: Texts
    class_: str
    kind: Literal["analog", "state", "counter"]
    unit: str
    range: Range
    period_s: float
    role: str | None
    zone: Named | None
    site: Named
    enterprise: Named
    limits: dict[Level, LimitView]
    latest: LatestValue | None
    state: str


class RangeBody(Body):
    low: float | None = None
    high: float | None = None


class NewSensor(Body):
    gateway: BodyId
    tag: str = Field(min_length=1, max_length=128, examples=["g03.lel"])
    measurand: str = Field(min_length=1, max_length=64, examples=["GAS_LEL"])
    name: str = Field(default="", max_length=200)
    zone: BodyId | None = None
    unit: str = Field(default="", max_length=32)
    range: RangeBody | None = None
    period_s: float | None = Field(default=None, gt=0, le=2_678_400)
    role: str | None = Field(default=None, max_length=64)
    limits: NewLimits = Field(default_factory=dict)


class SensorPatch(Body):
    gateway: BodyId = ""
    tag: str = Field(default="", min_length=1, max_length=128)
    name: str = Field(default="", max_length=200)
    zone: BodyId | None = None
    range: RangeBody | None = None
    period_s: float = Field(default=60.0, gt=0, le=2_678_400)
    role: str | None = Field(default=None, max_length=64)


@router.get("", **answers(Page[SensorView], 400, 401, 422))
async def sensors(  # noqa: PLR0913, PLR0917 - one query parameter each
    ask: Listing,
    region: RegionId = None,
    enterprise: str | None = None,
    site: str | None = None,
    zone: str | None = None,
    gateway: str | None = None,
    measurand: str | None = None,
    state: AlarmState | Literal["stale"] | None = None,
    text: SensorText = None,
    limit: PageLimit = 100,
    cursor: Cursor = None,
) -> Response:
    """Sensors, in order of id."""
    registry, now = ask.registry, ask.edge.situations.now()
    at = places(ask, region=region, enterprise=enterprise, site=site)
    rows = (
        row
        for row in registry.sensors.values()
        if registry.gateways[row.gateway].site in at
        and gateway in (None, row.gateway)
        and zone in (None, row.zone)
        and measurand in (None, row.measurand)
        and (text == str(row.id) or matches(text, row.tag, row.name))
        and (state is None or now.state_of(row.id) == state)
    )
    view = partial(sensor_view, registry, now)
    return Json(by_id(rows, view, cursor=cursor, limit=limit))


@router.get("/{sensor_id}", **answers(SensorView, 401, 404))
async def sensor(ask: Asking, sensor_id: SensorId) -> Response:
    """One sensor."""
    return Json(sensor_view(ask.registry, ask.edge.situations.now(), seen_sensor(ask, sensor_id)))


@router.post("", **answers(SensorView, 401, 403, 404, 409, 422, 503, status=201))
async def add_sensor(ask: Administering, body: NewSensor) -> Response:
    """Add a sensor; limits left out come from the catalogue, a limit given as null is left off."""
    row = catalogue().get(body.measurand)
    ends = body.range or RangeBody()
    draft = Sensor(
        id=0,
        gateway=body.gateway,
        tag=body.tag,
        measurand=body.measurand,
        name=body.name,
        zone=body.zone,
        unit=body.unit,
        range_low=ends.low,
        range_high=ends.high,
        period_s=body.period_s or (60.0 if row is None else row.period_s),
        role=body.role,
    )
    defaults = default_limits(row)
    given = complete(drafts_of(body.limits), defaults, actor=ask.user.name)
    limits: dict[Level, Limit] = {
        level: limit
        for level, limit in (defaults | given).items()
        if level in given or level not in body.limits
    }
    added = await store_sensor(ask.database, draft, limits, actor=ask.actor)
    await enforce_soon(ask)
    return Json(_changed_view(ask, added), status_code=201)


@router.patch("/{sensor_id}", **answers(SensorView, 401, 403, 404, 409, 422, 503))
async def change_sensor(ask: Administering, sensor_id: SensorId, patch: SensorPatch) -> Response:
    """Change what is given; another gateway or tag is a new address from now on."""
    given = {name: getattr(patch, name) for name in patch.model_fields_set - {"range"}}
    if patch.range is not None:
        given |= {"range_low": patch.range.low, "range_high": patch.range.high}
    draft = msgspec.structs.replace(seen_sensor(ask, sensor_id), **given)
    changed = await update_sensor(ask.database, draft, actor=ask.actor)
    await enforce(ask)
    return Json(_changed_view(ask, changed))


@router.delete("/{sensor_id}", status_code=204, **answers(None, 401, 403, 404, 503))
async def remove_sensor(ask: Administering, sensor_id: SensorId) -> Response:
    """Remove a sensor; its history stays."""
    await unstore_sensor(ask.database, sensor_id, actor=ask.actor)
    await enforce(ask)
    return Response(status_code=204)


def _changed_view(ask: Ask, row: Sensor) -> SensorView:
    return sensor_view(ask.live.registry, ask.edge.situations.now(), row)


def sensor_view(registry: Registry, now: Situation, row: Sensor) -> SensorView:
    measurand = catalogue().get(row.measurand)
    site = registry.sites[registry.gateways[row.gateway].site]
    owner = registry.enterprises[site.enterprise]
    return SensorView(
        id=row.id,
        gateway=row.gateway,
        tag=row.tag,
        name=row.name,
        measurand=row.measurand,
        measurand_name=measurand_name(row.measurand),
        class_="" if measurand is None else measurand.class_,
        kind="analog" if measurand is None else measurand.kind,
        unit=row.unit,
        range=Range(row.range_low, row.range_high),
        period_s=row.period_s,
        role=row.role,
        zone=zone_of(registry, row),
        site=Named(site.id, site.name),
        enterprise=Named(owner.id, owner.name),
        limits=limit_views(registry.limits.get(row.id, ())),
        latest=_latest(now, row.id),
        state=now.state_of(row.id),
    )


def _latest(now: Situation, sensor: int) -> LatestValue | None:
    row = now.rows.get(sensor)
    if row is None:
        return None
    value = float(now.latest.value[row])
    return LatestValue(
        rfc3339(int(now.latest.time[row])),
        None if math.isnan(value) else value,
        int(now.latest.quality[row]),
        rfc3339(int(now.latest.received[row])),
    )
