"""The whole county's plant: gas zones, dust collectors and power supplies behind one array.

Row k of every array here is sensor k of the county. The plant advances in steps of one second and
knows the true value of each point; `show` adds the sensors' faults. Seeded: two plants of one
county and seed, stepped alike, give equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.assets import Sensor
from domain.catalogue import catalogue
from domain.readings import Quality
from simulators import dust, gas, power
from simulators.county import METER_TURNOVER_KWH, OVERSIZE, County
from simulators.faults import Faults
from simulators.shifts import Shifts

STATE_NAMES: Final = {
    code: {int(state.number): state.key for state in catalogue()[code].states}
    for code in ("VALVE_POS", "FAN_STATE", "DC_LOCK")
}
"""Names of the states on the wire, by measurand and the catalogue's number."""


class Plant:
    """n points in lockstep.

    Attributes:
        gas, collectors, supplies: the physics; scenarios act on them.
        faults: the sensors' faults; scenarios act on them.
        detector_of: detector row in `gas` by sensor row.
        collector_of: collector row by zone id.
        supply_of: supply row by site id.
    """

    def __init__(self, county: County, seed: int) -> None:
        sensors = county.sensors
        self._rng = np.random.default_rng([seed, 1])
        self._n = len(sensors)
        self.faults = Faults(self._n)
        self._stopped = np.zeros(self._n, bool)
        self._site_of = {gateway.id: gateway.site for gateway in county.gateways}
        self._site_row = {site.id: row for row, site in enumerate(county.sites)}
        self._shifts = Shifts([county.shifts[site.id] for site in county.sites], self._rng)
        self._place_gas(sensors)
        self._place_collectors(sensors)
        self._place_supplies(sensors, county.ordered_shut)

    def _site_rows(self, sensors: Sequence[Sensor]) -> NDArray[np.intp]:
        return np.array([self._site_row[self._site_of[s.gateway]] for s in sensors], np.intp)

    def _place_gas(self, sensors: Sequence[Sensor]) -> None:
        rows = [row for row, s in enumerate(sensors) if s.measurand in gas.DETECTORS]
        zones = list(dict.fromkeys(s.zone for s in sensors if s.measurand in _GAS_POINTS))
        zone_row = {zone: row for row, zone in enumerate(zones)}
        self._valves, valve_zones = _rows_of("VALVE_POS", sensors, lambda s: zone_row[s.zone])
        self._fans, fan_zones = _rows_of("FAN_STATE", sensors, lambda s: zone_row[s.zone])
        self._valve_zones, self._fan_zones = valve_zones, fan_zones
        here = np.arange(len(zones))
        self._detectors = np.array(rows, np.intp)
        self.detector_of = {row: detector for detector, row in enumerate(rows)}
        self.gas = gas.GasZones(
            [sensors[row].measurand for row in rows],
            np.array([zone_row[sensors[row].zone] for row in rows], np.intp),
            has_valve=np.isin(here, valve_zones),
            has_fan=np.isin(here, fan_zones),
            rng=self._rng,
        )

    def _place_collectors(self, sensors: Sequence[Sensor]) -> None:
        points = [(row, s) for row, s in enumerate(sensors) if s.measurand in dust.KINDS]
        first = {s.zone: s for _, s in reversed(points)}
        zones = list(dict.fromkeys(s.zone for _, s in points))
        self.collector_of = {zone: row for row, zone in enumerate(zones)}
        self._dust_rows = np.array([row for row, _ in points], np.intp)
        self._dust_of = np.array([self.collector_of[s.zone] for _, s in points], np.intp)
        self._dust_kind = np.array([dust.KINDS.index(s.measurand) for _, s in points], np.intp)
        self._collector_site = self._site_rows([first[zone] for zone in zones])
        rated = {
            s.zone: (s.range_high or 0) / OVERSIZE for _, s in points if s.measurand == "DC_FANI"
        }
        self.collectors = dust.Collectors(
            np.array([rated.get(zone, 90.0) for zone in zones]), self._rng
        )

    def _place_supplies(self, sensors: Sequence[Sensor], ordered_shut: frozenset[str]) -> None:
        points = [(row, s) for row, s in enumerate(sensors) if (s.role, s.measurand) in power.KINDS]
        total = [s for _, s in points if (s.role, s.measurand) == power.KINDS[0]]
        sites = [self._site_of[s.gateway] for s in total]
        self.supply_of = {site: row for row, site in enumerate(sites)}
        self._power_rows = np.array([row for row, _ in points], np.intp)
        self._power_of = np.array(
            [self.supply_of[self._site_of[s.gateway]] for _, s in points], np.intp
        )
        kinds = [power.KINDS.index((s.role or "", s.measurand)) for _, s in points]
        self._power_kind = np.array(kinds, np.intp)
        self._supply_site = self._site_rows(total)
        self.supplies = power.Supplies(
            np.array([(s.range_high or 0) / OVERSIZE for s in total]),
            turnover_kwh=METER_TURNOVER_KWH,
            ordered_shut=np.array([site in ordered_shut for site in sites], bool),
            rng=self._rng,
        )

    def neighbours(self, row: int) -> tuple[int, ...]:
        """Sensor rows of the detectors that a leak at detector `row` shows on, itself included."""
        detector = self.detector_of[row]
        same = (self.gas.zone == self.gas.zone[detector]) & (
            self.gas.species == self.gas.species[detector]
        )
        return tuple(self._detectors[same].tolist())

    def step(self, now_s: float, dt: float = 1.0) -> None:
        """Advance everything by dt seconds, to Unix time `now_s`."""
        production = self._shifts.level(now_s)
        self.gas.step(dt, self._rng)
        self.collectors.step(dt, production[self._collector_site], self._rng)
        self.supplies.step(dt, now_s, production[self._supply_site], self._rng)

    def true(self, now_s: float) -> NDArray[np.float64]:
        """What is really there, with the instruments' ordinary noise: float64 (n,)."""
        values = np.zeros(self._n)
        values[self._detectors] = self.gas.read(self._rng)
        values[self._valves] = self.gas.valves()[self._valve_zones]
        values[self._fans] = self.gas.fans()[self._fan_zones]
        values[self._dust_rows] = self.collectors.read(now_s, self._rng)[
            self._dust_of, self._dust_kind
        ]
        values[self._power_rows] = self.supplies.read(now_s, self._rng)[
            self._power_of, self._power_kind
        ]
        return values

    def show(self, now_s: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """What the sensors show: value (n,) and quality (n,); a standing collector's are stopped."""
        standing = ~self.collectors.running()[self._dust_of]
        quality = np.zeros(self._n, np.uint8)
        stopped = standing & dust.ONLY_WHILE_RUNNING[self._dust_kind]
        quality[self._dust_rows[stopped]] = Quality.STOPPED
        return self.faults.show(self.true(now_s), quality, self._rng)


_GAS_POINTS: Final = frozenset({*gas.DETECTORS, "VALVE_POS", "FAN_STATE"})


def _rows_of(
    measurand: str, sensors: Sequence[Sensor], place: Callable[[Sensor], int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sensor rows of one measurand, and where each of them stands."""
    rows = [row for row, s in enumerate(sensors) if s.measurand == measurand]
    return np.array(rows, np.intp), np.array([place(sensors[row]) for row in rows], np.intp)
