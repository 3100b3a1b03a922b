"""Gas in rooms: a leak fills a zone, its plume reaches one detector after another, fans clear it.

A zone is a well-mixed box with ventilation (`bulk`), plus the plume of at most one leak, which
falls with distance and arrives later the farther a detector stands. A detector follows the air
with its own lag (tau 5-14 s), has noise, resolution and an end of scale. Concentrations are kept in
three species whose unit makes detectors comparable: combustible gas in %LEL, toxic gas in percent
of the level-1 limit of its detector, foreign gas that displaces air in %VOL.

At the second alarm level the site's own controller starts the emergency fan and closes the cut-off
valve, where fitted and working; nothing here knows the county's alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Species(IntEnum):
    COMBUSTIBLE = 0
    TOXIC = 1
    INERT = 2


@dataclass(frozen=True, slots=True)
class Detector:
    """How a measurand sees the air: value = zero + scale * concentration, with noise.

    `scale` of the toxic ones is a hundredth of level 1 of GB/T 50493-2019 in ppm at 20 degrees C.
    """

    species: Species
    zero: float
    scale: float
    noise: float
    resolution: float


DETECTORS: Final = {
    "GAS_LEL": Detector(Species.COMBUSTIBLE, 0.3, 1.0, 0.15, 0.1),
    "GAS_CO": Detector(Species.TOXIC, 0.0, 0.172, 0.15, 0.1),
    "GAS_H2S": Detector(Species.TOXIC, 0.0, 0.071, 0.05, 0.1),
    "GAS_NH3": Detector(Species.TOXIC, 0.0, 0.282, 0.2, 0.1),
    "GAS_HCL": Detector(Species.TOXIC, 0.0, 0.049, 0.03, 0.1),
    "GAS_O2": Detector(Species.INERT, 20.9, -0.209, 0.03, 0.1),
}

TRIP: Final = np.array([50.0, 200.0, 14.0])
"""Second alarm level by species: HH 50 %LEL, twice level 1, O2 18 %VOL (14 % foreign gas)."""
NATURAL_RATE: Final = 1 / 500.0
"""Air changes per second of a zone left alone."""
FAN_RATE: Final = 1 / 70.0
"""Air changes per second with the emergency fan."""
MIXING: Final = 0.0005
"""Rise of the bulk per second and per unit of plume strength."""
ROOM_M: Final = 10.0
"""Side of the square in which a zone's detectors stand."""
PLUME_SPEED: Final = 0.3
"""Metres a second from the leak outwards."""
PLUME_FALL: Final = 0.75
"""Exponent of the plume's fall with distance."""
SEAL_S: Final = 12.0
"""Time constant of a leak's end once its supply is closed."""
FAN_START_S: Final = 5.0
VALVE_MOVE_S: Final = 6.0
VALVE_CLOSED_S: Final = 14.0
QUIET_RESET_S: Final = 150.0
"""A valve is opened again by hand after so long without gas."""

VALVE_SHUT, VALVE_OPEN, VALVE_MOVING = 0.0, 1.0, 2.0
FAN_STOPPED, FAN_RUNNING = 0.0, 1.0
"""Numbers of the catalogue's states."""


class GasZones:
    """d detectors in z zones, advanced together.

    Args:
        measurands: of each detector, keys of DETECTORS.
        zone: (d,) row of each detector's zone.
        has_valve: (z,) zones with a cut-off valve.
        has_fan: (z,) zones with an emergency fan.
        rng: draws places, lags and zero errors.
    """

    def __init__(
        self,
        measurands: list[str],
        zone: NDArray[np.intp],
        *,
        has_valve: NDArray[np.bool_],
        has_fan: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> None:
        zones, d = len(has_valve), len(measurands)
        kinds = [DETECTORS[m] for m in measurands]
        self.zone = zone
        self.species = np.array([k.species for k in kinds], np.intp)
        self._scale = np.array([k.scale for k in kinds])
        self._noise = np.array([k.noise for k in kinds])
        self._resolution = np.array([k.resolution for k in kinds])
        self._zero = np.array([k.zero for k in kinds]) + self._noise * rng.normal(0, 0.5, d)
        self._tau = rng.uniform(5, 14, d)
        self._place = rng.uniform(0, ROOM_M, (d, 2))
        self._seen = np.zeros(d)
        self._background = np.array([0.8, 6.0, 0.0]) * rng.uniform(0.5, 1.5, (zones, 3))
        self._bulk = self._background.copy()
        self._has_valve, self._has_fan = has_valve, has_fan
        self._strength = np.zeros(zones)
        self._rise_s = np.ones(zones)
        self._kind = np.zeros(zones, np.intp)
        self._age = np.full(zones, -1.0)
        self._fed = np.zeros(zones)
        self._open = np.zeros(zones, bool)
        self._near = np.ones(zones)
        self._distance = np.full(d, 10.0)
        self._tripped = np.full(zones, -1.0)
        self._quiet = np.zeros(zones)
        self._works = np.ones(zones, bool)

    def leak(
        self,
        detector: int,
        *,
        peak: float,
        rise_s: float,
        interlock_works: bool,
        rng: np.random.Generator,
    ) -> None:
        """Start a leak of what `detector` senses, one to three metres from it.

        Args:
            detector: row of the nearest detector.
            peak: what the plume alone brings there in the end, in the species' unit.
            rise_s: how long the leak takes to grow to its full strength.
            interlock_works: whether the site's fan and valve will answer.
            rng: draws where it is.
        """
        zone = int(self.zone[detector])
        near = float(rng.uniform(1, 3))
        angle = float(rng.uniform(0, 2 * np.pi))
        source = self._place[detector] + near * np.array([np.cos(angle), np.sin(angle)])
        here = self.zone == zone
        self._distance[here] = np.maximum(np.hypot(*(self._place[here] - source).T), near)
        self._near[zone], self._strength[zone], self._rise_s[zone] = near, peak, rise_s
        self._kind[zone], self._age[zone], self._fed[zone] = self.species[detector], 0.0, 1.0
        self._open[zone], self._works[zone] = True, interlock_works

    def seal(self, detector: int) -> None:
        """End the leak in a detector's zone: somebody closed or mended it."""
        self._open[self.zone[detector]] = False

    def leaking(self, detector: int) -> bool:
        """Whether a detector's zone still has a leak that feeds it."""
        return bool(self._fed[self.zone[detector]] > 0.01)

    def step(self, dt: float, rng: np.random.Generator) -> None:
        """Advance by dt seconds (at most a few)."""
        active = self._age >= 0
        self._age[active] += dt
        closed = self._has_valve & self._works & (self._tripped > VALVE_CLOSED_S)
        feeding = self._open & ~closed
        self._fed = np.where(feeding, self._fed, self._fed * np.exp(-dt / SEAL_S))
        over = active & (self._fed < 1e-3)
        self._age[over], self._fed[over] = -1.0, 0.0

        strength = np.where(self._age >= 0, self._strength * self._fed, 0.0)
        grown = strength * np.clip(self._age / self._rise_s, 0, 1)
        fan = self._fan_runs()
        rate = np.where(fan, FAN_RATE, NATURAL_RATE)[:, None]
        wander = 0.04 * np.sqrt(dt) * self._background * rng.normal(0, 1, self._bulk.shape)
        self._bulk += dt * rate * (self._background - self._bulk) + wander
        rows = np.arange(len(grown))
        self._bulk[rows, self._kind] += dt * MIXING * grown
        np.maximum(self._bulk, 0.0, out=self._bulk)

        z = self.zone
        delay = (self._distance - self._near[z]) / PLUME_SPEED
        arrived = np.clip((self._age[z] - delay) / self._rise_s[z], 0, 1)
        fall = (self._near[z] / self._distance) ** PLUME_FALL
        plume = np.where(self.species == self._kind[z], strength[z] * arrived * fall, 0.0)
        air = self._bulk[z, self.species] + np.where(fan[z], 0.5, 1.0) * plume
        self._seen += (air - self._seen) * (1 - np.exp(-dt / self._tau))
        self._control(dt)

    def _fan_runs(self) -> NDArray[np.bool_]:
        return self._has_fan & self._works & (self._tripped > FAN_START_S)

    def _control(self, dt: float) -> None:
        """The site's own controller: trip, count, reset by hand after quiet."""
        level = self._seen / TRIP[self.species]
        worst = np.zeros(len(self._tripped))
        np.maximum.at(worst, self.zone, level)
        tripped = self._tripped >= 0
        self._tripped[tripped] += dt
        self._tripped[~tripped & (worst >= 1)] = 0.0
        self._quiet = np.where(worst < 0.1, self._quiet + dt, 0.0)
        self._tripped[(self._tripped >= 0) & (self._quiet > QUIET_RESET_S)] = -1.0

    def read(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """What the detectors show now in their own units, before any fault: float64 (d,)."""
        shown = (
            self._zero + self._scale * self._seen + self._noise * rng.normal(0, 1, len(self._zero))
        )
        rounded: NDArray[np.float64] = np.round(shown / self._resolution) * self._resolution
        return np.maximum(rounded, 0.0)

    def valves(self) -> NDArray[np.float64]:
        """Position of each zone's cut-off valve, float64 (z,)."""
        acts = self._works & (self._tripped >= 0)
        moving = acts & (self._tripped > VALVE_MOVE_S)
        shut = acts & (self._tripped > VALVE_CLOSED_S)
        return np.where(shut, VALVE_SHUT, np.where(moving, VALVE_MOVING, VALVE_OPEN))

    def fans(self) -> NDArray[np.float64]:
        """State of each zone's emergency fan, float64 (z,)."""
        return np.where(self._fan_runs(), FAN_RUNNING, FAN_STOPPED)
