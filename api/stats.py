"""Figures: the overview from memory, and coverage, data quality and alarm counts over a time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter
from pydantic import AwareDatetime
from starlette.responses import Response

from api.answers import Json, Named, Page, Time, microseconds, rfc3339_or_none
from api.documented import answers
from api.edge import Ask, Asking
from api.lists import Cursor, Limit, Listing, listed
from api.own_health import figures_for
from api.problems import FieldError, Problem
from api.situation import ASIDE, UNACKNOWLEDGED
from domain.catalogue import catalogue
from store.database import DatabaseUnavailable, refusals
from store.quality import SensorQuality, data_quality
from store.statistics import AlarmCount, AlarmsRaised, alarm_counts, alarms_raised

router = APIRouter(prefix="/stats", tags=["statistics"])
DAY_US = 86_400_000_000


class AlarmFigures(msgspec.Struct, frozen=True):
    """`by_priority`: open alarms by "1".."4", those set aside left out."""

    open: int
    unacknowledged: int
    by_priority: dict[str, int]


class SensorFigures(msgspec.Struct, frozen=True):
    total: int
    online: int
    stale: int


class GatewayFigures(msgspec.Struct, frozen=True):
    total: int
    online: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands, in figures.

    `raised_today` (since midnight of the service's zone) and `alarms_24h` (by hour, oldest first)
    are null while the database is away; `readings_per_s` and the journal's `lag_readings` are of the
    whole county and null for who sees a part.
    """

    alarms: AlarmFigures
    oldest_unacknowledged_at: Time | None
    sensors: SensorFigures
    gateways: GatewayFigures
    readings_per_s: float | None
    decision_ms_p50: float | None
    store: dict[str, Any]
    journal: dict[str, Any]
    broker: dict[str, Any]
    raised_today: int | None
    alarms_24h: list[int] | None


class Coverage(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """How many of an enterprise's registered sensors of one class are heard."""

    enterprise: Named
    class_: str
    sensors: int
    online: int


class Quality(msgspec.Struct, frozen=True):
    """Share of usable and good readings of a sensor, 0..1."""

    sensor: int
    tag: str
    readings: int
    usable: float
    good: float


class AlarmCountView(msgspec.Struct, frozen=True):
    kind: str
    level: str | None
    priority: int
    alarms: int
    unacknowledged: int


@router.get("/overview", **answers(Overview, 401))
async def overview(ask: Asking) -> Response:
    """The state of what the caller sees, in figures."""
    now, scope, registry = ask.edge.situations.now(), ask.scope, ask.registry
    gateways = [g for g in registry.gateways.values() if registry.sees_site(scope, g.site)]
    seen = {gateway.id for gateway in gateways}
    sensors = [s for s in registry.sensors.values() if s.gateway in seen]
    alarms = [a for a in now.alarms.values() if registry.sees_gateway(scope, a.gateway)]
    waiting = [a.raised_at for a in alarms if a.state in UNACKNOWLEDGED]
    counted = Counter(str(a.priority) for a in alarms if a.state not in ASIDE)
    raised = await _raised(ask)
    health = figures_for(ask.live, scope)
    return Json(
        Overview(
            alarms=AlarmFigures(
                len(alarms), len(waiting), {str(n): counted[str(n)] for n in (1, 2, 3, 4)}
            ),
            oldest_unacknowledged_at=rfc3339_or_none(min(waiting, default=None)),
            sensors=SensorFigures(
                len(sensors),
                sum(map(now.is_online, sensors)),
                sum(sensor.id in now.stale for sensor in sensors),
            ),
            gateways=GatewayFigures(
                len(gateways), sum(now.gateways[g.id].online is True for g in gateways)
            ),
            readings_per_s=health["readings_per_s"],
            decision_ms_p50=health.get("decision_ms_p50"),
            store=health["store"],
            journal=health["journal"],
            broker=health["broker"],
            raised_today=None if raised is None else raised.today,
            alarms_24h=None if raised is None else raised.by_hour,
        )
    )


async def _raised(ask: Ask) -> AlarmsRaised | None:
    if not ask.database.available:  # known to be away: the wall does not wait for it
        return None
    now = ask.edge.clock()
    midnight = day_start(now, ask.edge.zone)
    try:
        with refusals():
            return await alarms_raised(ask.database, ask.scope, now=now, day_start=midnight)
    except DatabaseUnavailable:
        return None


def day_start(now: int, zone: ZoneInfo) -> int:
    """Midnight before a time, in a zone; both int64 µs UTC."""
    local = datetime.fromtimestamp(now / 1e6, zone)
    return microseconds(local.replace(hour=0, minute=0, second=0, microsecond=0))


@router.get("/coverage", **answers(Page[Coverage], 400, 401, 422))
async def coverage(ask: Listing, limit: Limit = 5000, cursor: Cursor = None) -> Response:
    """By enterprise and class of measurand: sensors registered, sensors heard."""
    now, registry, known = ask.edge.situations.now(), ask.registry, catalogue()
    total: Counter[tuple[str, str]] = Counter()
    online: Counter[tuple[str, str]] = Counter()
    for sensor in registry.sensors.values():
        site = registry.sites[registry.gateways[sensor.gateway].site]
        if registry.sees_site(ask.scope, site.id):
            measurand = known.get(sensor.measurand)
            key = (site.enterprise, "" if measurand is None else measurand.class_)
            total[key] += 1
            online[key] += now.is_online(sensor)

    def view(key: tuple[str, str]) -> Coverage:
        owner, class_ = key
        named = Named(owner, registry.enterprises[owner].name)
        return Coverage(named, class_, total[key], online[key])

    return Json(listed(total, view, key=lambda key: key, cursor=cursor, limit=limit))


@router.get("/quality", **answers(Page[Quality], 400, 401, 422, 503))
async def quality(
    ask: Listing,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 5000,
    cursor: Cursor = None,
) -> Response:
    """Per sensor, over a time (default: the last 24 hours); hours that are over count whole."""
    start, end = _span(ask, since, until)
    found = await data_quality(ask.database, ask.scope, since=start, until=end)

    def view(row: SensorQuality) -> Quality:
        sensor = ask.registry.sensor(row.sensor)
        tag = "" if sensor is None else sensor.tag
        count = max(row.readings, 1)
        return Quality(row.sensor, tag, row.readings, row.usable / count, row.good / count)

    return Json(listed(found, view, key=lambda row: (row.sensor,), cursor=cursor, limit=limit))


@router.get("/alarms", **answers(Page[AlarmCountView], 400, 401, 422, 503))
async def alarm_statistics(
    ask: Listing,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 5000,
    cursor: Cursor = None,
) -> Response:
    """Alarms raised in a time (default: the last 24 hours) by kind and level."""
    start, end = _span(ask, since, until)
    found = await alarm_counts(ask.database, ask.scope, since=start, until=end)

    def view(row: AlarmCount) -> AlarmCountView:
        return AlarmCountView(row.kind, row.level, row.priority, row.alarms, row.unacknowledged)

    return Json(
        listed(
            found,
            view,
            key=lambda row: (-row.alarms, row.kind, row.level or ""),
            cursor=cursor,
            limit=limit,
        )
    )


def _span(ask: Ask, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    end = ask.edge.clock() if until is None else microseconds(until)
    start = end - DAY_US if since is None else microseconds(since)
    if start >= end:
        raise Problem("invalid", errors=[FieldError("since", "must lie before until")])
    return start, end
