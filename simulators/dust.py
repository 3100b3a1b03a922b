"""Dust collectors: filter cake and pulse cleaning, the fan's law, hot hoppers, smouldering, water.

The pressure drop follows the cake on the bags: it grows with production, falls at every cleaning
pulse (a saw-tooth), and its floor rises as bags clog. The fan gives less air against more drag, so
current falls as pressure rises. Smouldering dust heats the hopper exponentially and makes carbon
monoxide. A wet collector has a tank that evaporates and is topped up, a circulation flow, and some
hydrogen above the sludge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.county import DESIGN_FLOW_M3H
from simulators.shifts import ambient_c

KINDS: Final = (
    "DC_DP", "DC_TIN", "DC_THOP", "DC_CO", "DC_LOCK", "DC_FANI", "WC_LVL", "WC_FLOW", "WC_H2",
)  # fmt: skip
"""Columns of `Collectors.read`."""
ONLY_WHILE_RUNNING: Final = np.array([True, False, False, False, True, True, False, True, False])
"""By column: says nothing while the collector stands (quality F)."""

NOMINAL_PA: Final = 900.0
DRAG_HALF: Final = 3.0
"""Drag, in units of a clean collector's, at which the fan gives half its air."""
LOCK_STOPPED, LOCK_RUNS, LOCK_FAULT = 0.0, 1.0, 2.0
"""Numbers of the catalogue's states."""
SETTLE_S: Final = 120.0
"""A collector reports running values only when its fan has run so long."""


class Collectors:
    """c collectors, advanced together. Incident inputs are plain arrays (c,), set by scenarios.

    Args:
        fan_a: (c,) rated current of each fan.
        rng: draws what makes collectors differ.
    """

    def __init__(self, fan_a: NDArray[np.float64], rng: np.random.Generator) -> None:
        c = len(fan_a)
        self._fan_a = fan_a
        self._residual = rng.uniform(0.7, 0.85, c)
        self._cake = rng.uniform(0.0, 0.3, c)
        self._load = rng.uniform(0.0008, 0.0016, c)
        self._pulse_s = rng.uniform(120, 260, c)
        self._since_pulse = rng.uniform(0, 120, c)
        self._speed = np.zeros(c)
        self._run_s = np.zeros(c)
        self._process_k = rng.uniform(10, 16, c)
        self._base_co = rng.uniform(2, 6, c)
        self._hopper_k = np.zeros(c)
        self._water = rng.uniform(70, 88, c)
        self._production = np.zeros(c)
        self._started = False
        self.smoulder_k = np.zeros(c)
        """Heat of a smouldering nest above the process, K."""
        self.clogging = np.zeros(c)
        """Extra drag of clogged bags; 0 = none, 2.4 brings about 1,850 Pa."""
        self.lock_fault = np.zeros(c, bool)
        self.pump_share = np.ones(c)
        """Circulation pump: 1 = all right, 0.5 = half the flow."""
        self.kept_running = np.zeros(c, bool)
        """Runs whatever the shift says (an incident needs it)."""

    def step(self, dt: float, production: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Advance by dt seconds at each collector's production level (c,), 0..1."""
        production = np.where(self.kept_running, np.maximum(production, 0.8), production)
        running = production > 0.02
        if not self._started:
            self._speed[:], self._run_s[:] = running, running * SETTLE_S * 2.0
            self._hopper_k = self._process_k * 0.5 * production
            self._started = True
        self._speed += (running - self._speed) * (1 - np.exp(-dt / 15.0))
        self._run_s = np.where(running, self._run_s + dt, 0.0)
        self._cake += dt * self._load * production
        self._since_pulse += dt * running
        pulsed = self._since_pulse >= self._pulse_s
        self._cake[pulsed] *= 0.15
        self._since_pulse[pulsed] = 0.0
        goal_k = self._process_k * 0.5 * production
        self._hopper_k += (goal_k - self._hopper_k) * (1 - np.exp(-dt / 400.0))
        self._water -= dt * 0.004 * production * rng.uniform(0.8, 1.2, len(self._water))
        self._water = np.where(self._water < 66, 90.0, self._water)
        self._production = production

    def running(self) -> NDArray[np.bool_]:
        """Whether each fan has been on for at least two minutes, bool (c,)."""
        return self._run_s >= SETTLE_S

    def read(self, now_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """The points of every collector, float64 (c, 9), columns as KINDS."""
        c = len(self._speed)
        noise = rng.normal(0, 1, (c, len(KINDS)))
        ambient = ambient_c(now_s)
        drag = self._residual + self._cake + self.clogging
        air = self._speed * (DRAG_HALF + 1) / (DRAG_HALF + drag)
        shown = np.empty((c, len(KINDS)))
        shown[:, 0] = NOMINAL_PA * self._speed**2 * drag * (DRAG_HALF + 1) / (DRAG_HALF + drag)
        shown[:, 1] = ambient + self._process_k * self._production + 0.15 * self.smoulder_k
        shown[:, 2] = ambient + self._hopper_k + self.smoulder_k
        shown[:, 3] = self._base_co + 2.2 * self.smoulder_k
        lock = np.where(self._speed > 0.5, LOCK_RUNS, LOCK_STOPPED)
        shown[:, 4] = np.where(self.lock_fault, LOCK_FAULT, lock)
        shown[:, 5] = self._fan_a * self._speed * (0.35 + 0.5 * air)
        shown[:, 6] = 10.0 * self._water
        shown[:, 7] = DESIGN_FLOW_M3H * self._speed * self.pump_share
        shown[:, 8] = 0.6 + 0.8 * self._production
        spread = np.array([6.0, 0.25, 0.2, 0.3, 0.0, 0.4, 2.0, 0.3, 0.08])
        digits = np.array([1.0, 0.1, 0.1, 0.1, 1.0, 0.1, 1.0, 0.1, 0.1])
        rounded: NDArray[np.float64] = np.maximum(
            np.round((shown + spread * noise) / digits) * digits, 0.0
        )
        return rounded
