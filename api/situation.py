"""How things stand right now, counted from memory: alarms, sensors and gateways by place.

Counted at most a few times a second however many screens ask: one pass over the open alarms and
the newest values serves every site, enterprise and overview until it is `FRESH_US` old.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import msgspec

from alerting import Alarm
from api.ports import GatewayLive, Live
from domain.assets import Sensor
from store.registry import Registry

FRESH_US: Final = 300_000
SiteState = Literal["normal", "blue", "yellow", "orange", "red", "no_data"]
COLOURS: Final[Mapping[int, SiteState]] = {1: "red", 2: "orange", 3: "yellow", 4: "blue"}
UNACKNOWLEDGED: Final = frozenset(
    {"unacknowledged", "returned_unacknowledged", "latched_unacknowledged"}
)
ASIDE: Final = frozenset({"shelved", "suppressed", "out_of_service"})
"""Open, but set aside: shown on lists, not in the colour of a place."""


class Counters(msgspec.Struct, frozen=True):
    """`alarms`: open alarms by priority "1".."4", those set aside left out."""

    alarms: dict[str, int]
    unacknowledged: int
    sensors: int
    sensors_online: int
    state: SiteState


class Situation:
    """One count. `alarms`: open alarms by id; `rows`: row of each sensor in `latest`."""

    def __init__(self, live: Live, registry: Registry) -> None:
        self.registry = registry
        self.alarms = {alarm.id: alarm for alarm in live.open_alarms()}
        self.latest = live.latest()
        self.rows = {sensor: row for row, sensor in enumerate(self.latest.sensor.tolist())}
        self.gateways: dict[str, GatewayLive] = {
            gateway.id: live.gateway(gateway.number) for gateway in registry.gateways.values()
        }
        self.by_sensor: dict[int, list[Alarm]] = defaultdict(list)
        self._by_site: dict[str, list[Alarm]] = defaultdict(list)
        self.stale: set[int] = set()
        for alarm in self.alarms.values():
            self._place(alarm)
        self._sites: dict[str, tuple[int, int]] = self._count_sensors()

    def _place(self, alarm: Alarm) -> None:
        site = self.registry.site_of_gateway(alarm.gateway)
        if site is not None:
            self._by_site[site.id].append(alarm)
        if alarm.sensor is not None:
            self.by_sensor[alarm.sensor].append(alarm)
            if alarm.family == "stale" and alarm.active:
                self.stale.add(alarm.sensor)

    def _count_sensors(self) -> dict[str, tuple[int, int]]:
        total: Counter[str] = Counter()
        online: Counter[str] = Counter()
        for sensor in self.registry.sensors.values():
            site = self.registry.gateways[sensor.gateway].site
            total[site] += 1
            online[site] += self.is_online(sensor)
        return {site: (count, online[site]) for site, count in total.items()}

    def is_online(self, sensor: Sensor) -> bool:
        """Heard of, neither it nor its gateway silent for too long."""
        heard = sensor.id in self.rows and sensor.id not in self.stale
        return heard and not self.gateways[sensor.gateway].silent

    def alarms_of(self, site: str) -> list[Alarm]:
        return self._by_site.get(site, [])

    def counters(self, sites: Iterable[str]) -> Counters:
        """Of one site, or of several together."""
        priorities = dict.fromkeys(("1", "2", "3", "4"), 0)
        unacknowledged = sensors = online = 0
        for site in sites:
            total, heard = self._sites.get(site, (0, 0))
            sensors += total
            online += heard
            for alarm in self.alarms_of(site):
                unacknowledged += alarm.state in UNACKNOWLEDGED
                if alarm.state not in ASIDE:
                    priorities[str(alarm.priority)] += 1
        worst = next((number for number in (1, 2, 3, 4) if priorities[str(number)]), 5)
        state: SiteState = COLOURS.get(worst, "normal")
        if sensors and not online and worst > 2:
            state = "no_data"
        return Counters(priorities, unacknowledged, sensors, online, state)

    def state_of(self, sensor: int) -> str:
        """State of the sensor's worst open alarm; "stale" when silence is all; or "normal"."""
        own = self.by_sensor.get(sensor, [])
        worst = min((a for a in own if a.family != "stale"), key=_urgency, default=None)
        if worst is not None:
            return worst.state
        return "stale" if sensor in self.stale else "normal"


def _urgency(alarm: Alarm) -> tuple[bool, bool, int]:
    return alarm.state in ASIDE, alarm.state not in UNACKNOWLEDGED, alarm.priority


class Situations:
    """Hands out the newest count, made anew when it is old or the registry has changed."""

    def __init__(self, live: Live, clock: Callable[[], int]) -> None:
        self._live = live
        self._clock = clock
        self._made_at = 0
        self._newest: Situation | None = None

    def now(self) -> Situation:
        now, registry = self._clock(), self._live.registry
        newest = self._newest
        if newest is None or newest.registry is not registry or now - self._made_at > FRESH_US:
            newest = self._newest = Situation(self._live, registry)
            self._made_at = now
        return newest
