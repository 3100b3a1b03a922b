"""The registry of a simulated county: who is where, what is fitted, which limits are special.

Everything follows from a seed and a number of sites, so two calls give equal rows. `service`
writes the rows through `store.registry`; the plant's physics is built from the same rows, and so
the simulator can play any registry whose measurands it knows. Limits that are not listed come
from the catalogue.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from domain.catalogue import Level, catalogue
from simulators.dice import dice
from simulators.labels import CIRCUITS, LABELS
from simulators.names import COUNTY, KITCHENS, REGIONS, STREETS, TRADE_NAMES
from simulators.profiles import (
    COLLECTOR_POINTS,
    DUST_FIRMS,
    GAS_FIRMS,
    PATTERN,
    POWER_POINTS,
    RESTAURANT,
    Profile,
)

CENTRE: Final = (33.412, 117.655)
"""Latitude and longitude around which the invented county lies, CGCS2000 degrees."""
FIRM_SHARE: Final = 0.6
METER_TURNOVER_KWH: Final = 1_000_000.0
"""A meter of six digits starts again from zero here."""
OVERSIZE: Final = 1.5
"""Full scale of a point over the rating of its circuit, fan or pump."""
DESIGN_FLOW_M3H: Final = 40.0
"""Circulation of a wet collector."""
TANK_MM: Final = 1000.0
"""Depth of a wet collector's tank."""
AMPERE_PER_KW: Final = 1000.0 / (math.sqrt(3) * 380.0 * 0.9)
"""Three-phase current of a kilowatt at 380 V and power factor 0.9."""
PHASE_CURRENTS: Final = ("PW_IA", "PW_IB", "PW_IC")
ORDER_SHARE: Final = 0.15
"""An ordered-shut circuit may use this share of its rating: pumps, light, cold store [ours]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLimit:
    """A limit that one site has instead of the catalogue's; the fields of a catalogue limit."""

    level: Level
    setpoint: float
    deadband: float
    on_delay_s: float
    off_delay_s: float
    latch: bool = False
    source: str


@dataclass(frozen=True, slots=True)
class County:
    """The rows of a registry. `limits` is keyed by sensor id and replaces the catalogue's whole.

    `shifts` gives each site's working hours and `ordered_shut` the sites under an order to stop:
    facts the plant needs and no registry column holds.
    """

    seed: int
    regions: tuple[Region, ...]
    enterprises: tuple[Enterprise, ...]
    sites: tuple[Site, ...]
    zones: tuple[Zone, ...]
    gateways: tuple[Gateway, ...]
    sensors: tuple[Sensor, ...]
    limits: Mapping[int, tuple[SiteLimit, ...]]
    shifts: Mapping[str, str]
    ordered_shut: frozenset[str]


def county_registry(seed: int = 1, sites: int = 100) -> County:
    """Make the registry of a county with so many sites; 100 sites have 1,770 points.

    Raises:
        ValueError: `sites` is below 1; the caller's mistake.
    """
    if sites < 1:
        raise ValueError(f"a county needs at least one site, not {sites}")
    draft = _Draft(seed, dice(seed, "county"))
    firms = max(1, round(sites * FIRM_SHARE))
    for number, profile in enumerate(itertools.islice(_firms(), firms), start=1):
        draft.add_firm(number, profile)
    for number in range(firms + 1, sites + 1):
        draft.add_restaurant(number)
    return draft.finished()


def _firms() -> Iterator[Profile]:
    gas, dust = itertools.cycle(GAS_FIRMS), itertools.cycle(DUST_FIRMS)
    for kind in itertools.cycle(PATTERN):
        yield next(gas if kind == "gas" else dust)


@dataclass(slots=True)
class _Draft:
    """The rows so far."""

    seed: int
    chance: Random
    enterprises: list[Enterprise] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    gateways: list[Gateway] = field(default_factory=list)
    sensors: list[Sensor] = field(default_factory=list)
    limits: dict[int, tuple[SiteLimit, ...]] = field(default_factory=dict)
    shifts: dict[str, str] = field(default_factory=dict)
    ordered_shut: set[str] = field(default_factory=set)
    dust_firms: int = 0

    def finished(self) -> County:
        return County(
            self.seed,
            REGIONS,
            tuple(self.enterprises),
            tuple(self.sites),
            tuple(self.zones),
            tuple(self.gateways),
            tuple(self.sensors),
            self.limits,
            self.shifts,
            frozenset(self.ordered_shut),
        )

    def add_firm(self, number: int, profile: Profile) -> None:
        trade = TRADE_NAMES[(number - 1) % len(TRADE_NAMES)]
        branch = (number - 1) // len(TRADE_NAMES)
        name = f"{COUNTY.name}{trade}{f'第{branch + 1}' if branch else ''}{profile.business}"
        site = self._place(number, name, f"{trade}厂区", profile)
        for index, gas_zone in enumerate(profile.gas, start=1):
            zone = self._zone(site, f"g{index}", gas_zone.name, gas_zone.kind)
            self._gas_points(zone, f"g{index}", gas_zone.name, gas_zone.detectors)
            self._actuators(
                zone, f"g{index}", gas_zone.name, valve=gas_zone.valve, fan=gas_zone.fan
            )
        if profile.collector is not None:
            self._collectors(site, profile, 2 + self.dust_firms % 2)
            self.dust_firms += 1
        self._power_points(site, profile, number)

    def add_restaurant(self, number: int) -> None:
        name = f"{self.chance.choice(STREETS)}{self.chance.choice(TRADE_NAMES)}{self.chance.choice(KITCHENS)}"
        site = self._place(number, name, "店面", RESTAURANT)
        (kitchen,) = RESTAURANT.gas
        zone = self._zone(site, "g1", kitchen.name, kitchen.kind)
        self._gas_points(zone, "g1", kitchen.name, kitchen.detectors)
        self._actuators(zone, "g1", kitchen.name, valve=True, fan=False)

    def _place(self, number: int, name: str, site_name: str, profile: Profile) -> str:
        """Add an enterprise with its site and gateway; returns the site's id."""
        enterprise, site = f"e{number:03}", f"s{number:03}"
        region = self.chance.choice(profile.regions)
        self.enterprises.append(
            Enterprise(id=enterprise, name=name, region=region, industry=profile.industry)
        )
        self.sites.append(
            Site(
                id=site,
                name=f"{name} {site_name}",
                enterprise=enterprise,
                kind=profile.site_kind,
                latitude=round(CENTRE[0] + self.chance.uniform(-0.16, 0.16), 6),
                longitude=round(CENTRE[1] + self.chance.uniform(-0.2, 0.2), 6),
            )
        )
        self.gateways.append(
            Gateway(id=f"gw-{number:03}", number=number, site=site, name=f"{name} 网关")
        )
        self.shifts[site] = profile.shift
        return site

    def _zone(self, site: str, key: str, name: str, kind: str) -> str:
        zone = f"{site}-{key}"
        self.zones.append(Zone(id=zone, name=name, site=site, kind=kind))
        return zone

    def _sensor(
        self,
        zone: str,
        tag: str,
        measurand: str,
        name: str,
        *,
        high: float | None = None,
        role: str | None = None,
    ) -> Sensor:
        """Add a sensor; `high` is its full scale where the equipment decides, not the catalogue."""
        row = catalogue()[measurand]
        sensor = Sensor(
            id=len(self.sensors) + 1,
            gateway=self.gateways[-1].id,
            tag=tag,
            measurand=measurand,
            name=name,
            zone=zone,
            unit=row.unit,
            range_low=0.0 if high is not None else row.range_low,
            range_high=high if high is not None else row.range_high,
            period_s=row.period_s,
            role=role,
        )
        self.sensors.append(sensor)
        return sensor

    def _gas_points(self, zone: str, key: str, place: str, detectors: tuple[str, ...]) -> None:
        for index, measurand in enumerate(detectors, start=1):
            label = LABELS[measurand]
            self._sensor(
                zone, f"{key}.{label.tag}{index}", measurand, f"{place}{index}号{label.name}"
            )

    def _actuators(self, zone: str, key: str, place: str, *, valve: bool, fan: bool) -> None:
        for fitted, measurand in ((valve, "VALVE_POS"), (fan, "FAN_STATE")):
            if fitted:
                label = LABELS[measurand]
                self._sensor(zone, f"{key}.{label.tag}", measurand, f"{place}{label.name}")

    def _collectors(self, site: str, profile: Profile, count: int) -> None:
        if profile.collector is None:
            return
        for index in range(1, count + 1):
            key, place = f"dc{index:02}", f"{profile.collector_line}{index}号除尘器"
            zone = self._zone(site, key, place, f"collector_{profile.collector}")
            rated = {
                "DC_FANI": self.chance.choice((90.0, 110.0, 150.0)),
                "WC_FLOW": DESIGN_FLOW_M3H,
                "WC_LVL": TANK_MM / OVERSIZE,
            }
            for measurand in COLLECTOR_POINTS[profile.collector]:
                label = LABELS[measurand]
                high = OVERSIZE * rated[measurand] if measurand in rated else None
                sensor = self._sensor(
                    zone, f"{key}.{label.tag}", measurand, f"{place}{label.name}", high=high
                )
                if measurand == "WC_FLOW":
                    self.limits[sensor.id] = of_rating(measurand, DESIGN_FLOW_M3H)
                elif measurand == "WC_LVL":
                    self.limits[sensor.id] = (_LOW_WATER,)

    def _power_points(self, site: str, profile: Profile, number: int) -> None:
        rated_kw = profile.rated_kw * self.chance.uniform(0.8, 1.2)
        zone = self._zone(site, "pw", "配电室", "circuit")
        shut = number % 20 == ORDERED_SHUT_FIRM
        for role, measurand in POWER_POINTS:
            label = LABELS[measurand]
            share = {"TOTAL": 1.0, "PROD": 0.7, "CTRL": 0.2}[role]
            rating = round(share * rated_kw, -1)
            rated = {"PW_P": rating} | dict.fromkeys(PHASE_CURRENTS, AMPERE_PER_KW * rating)
            high = OVERSIZE * rated[measurand] if measurand in rated else None
            if measurand == "PW_E":
                high = METER_TURNOVER_KWH
            tag = f"{role.lower()}.{label.tag}"
            name = f"{CIRCUITS[role]}{label.name}"
            sensor = self._sensor(zone, tag, measurand, name, high=high, role=role)
            if measurand in PHASE_CURRENTS:
                self.limits[sensor.id] = of_rating(measurand, rated[measurand])
            if shut and role == "PROD":
                self.limits[sensor.id] = _order_limits(rating)
        if shut:
            self.ordered_shut.add(site)


ORDERED_SHUT_FIRM: Final = 5
"""Of every twenty firms the fifth, a dust firm, is under an order to stop production."""


_LOW_WATER: Final = SiteLimit(
    level="L",
    setpoint=450.0,
    deadband=30.0,
    on_delay_s=60,
    off_delay_s=300,
    source="设备说明书最低水位（模拟）",
)
"""The maker's lowest water level; the mandatory signal of a wet collector."""


def of_rating(measurand: str, rating: float) -> tuple[SiteLimit, ...]:
    """The catalogue's relative limits of a measurand, made absolute; one a level, the quickest."""
    quickest: dict[Level, SiteLimit] = {}
    for relative in sorted(catalogue()[measurand].relative_limits, key=lambda row: row.on_delay_s):
        limit = SiteLimit(
            level=relative.level,
            setpoint=round(relative.fraction * rating, 1),
            deadband=round(relative.deadband * rating, 1),
            on_delay_s=relative.on_delay_s,
            off_delay_s=relative.off_delay_s,
            source=relative.source,
        )
        quickest.setdefault(relative.level, limit)
    return tuple(quickest.values())


def _order_limits(rating_kw: float) -> tuple[SiteLimit, ...]:
    """The order as limits on the production circuit: 15 % of its rating H, 30 % HH [ours]."""
    source = "停产整改指令 望应急（2026）执令017号（模拟）：停产期间生产动力不得超过保安负荷"
    share_hh = 2 * ORDER_SHARE
    return (
        SiteLimit(
            level="H",
            setpoint=round(ORDER_SHARE * rating_kw, 1),
            deadband=round(0.02 * rating_kw, 1),
            on_delay_s=60,
            off_delay_s=120,
            source=source,
        ),
        SiteLimit(
            level="HH",
            setpoint=round(share_hh * rating_kw, 1),
            deadband=round(0.02 * rating_kw, 1),
            on_delay_s=120,
            off_delay_s=120,
            source=source,
        ),
    )
