"""An alarm as people and machines read it; encoded once for all who ask, until it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from alerting import Alarm, Level, Transition, explain
from alerting.alarms import AlarmKind, AlarmState, Family
from api.answers import Named, Texts, Time, encode, rfc3339, rfc3339_or_none
from domain.assets import Sensor
from domain.catalogue import catalogue
from store.registry import Registry

BOUND: Final = 20_000
TIMED: Final[frozenset[AlarmKind]] = frozenset({"stale", "mismatch"})
"""Kinds whose value and limit are lengths of time (s), whatever the sensor measures."""
NOWHERE: Final = Named("", "")


class AlarmSensor(msgspec.Struct, frozen=True):
    id: int
    tag: str
    name: str
    measurand: str
    measurand_name: Texts
    zone: Named | None


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm. `sensor` is null for an alarm of a whole gateway.

    `unit` is that of `value` and `limit`: "s" where those are of silence or of a clock.
    `updated` is the id of the last change; `stored`: the database has that change already.
    """

    id: str
    kind: AlarmKind
    family: Family
    level: Level | None
    highest_level: Level | None
    priority: int
    state: AlarmState
    active: bool
    acknowledged: bool
    sensor: AlarmSensor | None
    gateway: Named
    site: Named
    enterprise: Named
    value: float | None
    limit: float | None
    unit: str
    raised_at: Time
    cleared_at: Time | None
    acknowledged_at: Time | None
    acknowledged_by: str | None
    shelved_until: Time | None
    shelve_reason: str | None
    count: int
    late: bool
    over_range: bool
    source: str
    explanation: Texts
    updated: str
    stored: bool


def measurand_name(code: str) -> Texts:
    """The catalogue's name in both languages; the code where the catalogue has none."""
    row = catalogue().get(code)
    return Texts(code, code) if row is None else Texts(row.name["zh-CN"], row.name["en"])


def zone_of(registry: Registry, sensor: Sensor) -> Named | None:
    zone = None if sensor.zone is None else registry.zones.get(sensor.zone)
    return None if zone is None else Named(zone.id, zone.name)


def sensor_name(sensor: Sensor | None, locale: str) -> str:
    """What people call a sensor: its own name, else what it measures and its tag."""
    if sensor is None:
        return ""
    if sensor.name:
        return sensor.name
    names = measurand_name(sensor.measurand)
    return f"{names.zh if locale == 'zh-CN' else names.en} {sensor.tag}"


def sentences(registry: Registry, subject: Alarm | Transition, *, source: str = "") -> Texts:
    """Why, in both languages."""
    sensor = None if subject.sensor is None else registry.sensor(subject.sensor)
    row = None if sensor is None else catalogue().get(sensor.measurand)
    gateway = registry.gateway_numbers.get(subject.gateway)
    gateway_name = "" if gateway is None else gateway.name or gateway.id
    unit = "" if sensor is None else sensor.unit
    class_ = "" if row is None else row.class_

    def in_(locale: str) -> str:
        return explain(
            subject,
            "zh-CN" if locale == "zh-CN" else "en",
            sensor_name=sensor_name(sensor, locale),
            gateway_name=gateway_name,
            unit=unit,
            measurand_class=class_,
            source=source,
        )

    return Texts(in_("zh-CN"), in_("en"))


def alarm_view(registry: Registry, alarm: Alarm, *, stored: bool) -> AlarmView:
    """The view of one alarm, with names as the registry has them now."""
    sensor = None if alarm.sensor is None else registry.sensor(alarm.sensor)
    gateway = registry.gateway_numbers.get(alarm.gateway)
    site = registry.site_of_gateway(alarm.gateway)
    enterprise = registry.enterprise_of_gateway(alarm.gateway)
    return AlarmView(
        id=alarm.id,
        kind=alarm.kind,
        family=alarm.family,
        level=alarm.level,  # type: ignore[arg-type]
        highest_level=alarm.highest_level,  # type: ignore[arg-type]
        priority=alarm.priority,
        state=alarm.state,
        active=alarm.active,
        acknowledged=alarm.acknowledged,
        sensor=None if sensor is None else _sensor(registry, sensor),
        gateway=NOWHERE if gateway is None else Named(gateway.id, gateway.name or gateway.id),
        site=NOWHERE if site is None else Named(site.id, site.name),
        enterprise=NOWHERE if enterprise is None else Named(enterprise.id, enterprise.name),
        value=alarm.value,
        limit=alarm.limit,
        unit=_unit(alarm, sensor),
        raised_at=rfc3339(alarm.raised_at),
        cleared_at=rfc3339_or_none(alarm.cleared_at),
        acknowledged_at=rfc3339_or_none(alarm.acknowledged_at),
        acknowledged_by=alarm.acknowledged_by,
        shelved_until=rfc3339_or_none(alarm.shelved_until),
        shelve_reason=alarm.shelve_reason,
        count=alarm.count,
        late=alarm.late,
        over_range=alarm.over_range,
        source=alarm.source,
        explanation=sentences(registry, alarm),
        updated=f"{alarm.position}.{alarm.ordinal}",
        stored=stored,
    )


def _unit(alarm: Alarm, sensor: Sensor | None) -> str:
    if alarm.kind in TIMED:
        return "s"
    return "" if sensor is None else sensor.unit


def _sensor(registry: Registry, sensor: Sensor) -> AlarmSensor:
    return AlarmSensor(
        sensor.id,
        sensor.tag,
        sensor.name,
        sensor.measurand,
        measurand_name(sensor.measurand),
        zone_of(registry, sensor),
    )


_Key = tuple[str, int, int, AlarmState, bool]


class AlarmViews:
    """JSON of alarms by their last change: made once, however many lists and screens show it."""

    def __init__(self, stored_position: Callable[[], int]) -> None:
        self._stored_position = stored_position
        self._made: OrderedDict[_Key, tuple[Registry, msgspec.Raw]] = OrderedDict()

    def json(self, registry: Registry, alarm: Alarm, *, stored: bool | None = None) -> msgspec.Raw:
        """The alarm's JSON; `stored` is worked out unless the caller knows it."""
        known = alarm.position <= self._stored_position() if stored is None else stored
        key = (alarm.id, alarm.position, alarm.ordinal, alarm.state, known)
        found = self._made.get(key)
        if found is not None and found[0] is registry:
            return found[1]
        raw = msgspec.Raw(encode(alarm_view(registry, alarm, stored=known)))
        self._made[key] = (registry, raw)
        while len(self._made) > BOUND:
            self._made.popitem(last=False)
        return raw
