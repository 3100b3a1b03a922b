"""Electric power of firms: shifts, process cycles, start-up peaks, meters, leakage, hot joints.

Production follows the shift with a cycle of its own and slow noise; control equipment (dust
collection, ventilation) runs with it and ten minutes longer; the rest is light and offices. The
meter counts the sum and rolls over. Phases carry unequal shares. A firm under an order to stop
draws only its care-taking load, until it disobeys.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.county import AMPERE_PER_KW
from simulators.shifts import RAMP_S, ambient_c

KINDS: Final = (
    ("TOTAL", "PW_P"), ("TOTAL", "PW_E"), ("TOTAL", "PW_UA"), ("TOTAL", "PW_IA"),
    ("TOTAL", "PW_IB"), ("TOTAL", "PW_IC"), ("PROD", "PW_P"), ("CTRL", "PW_P"),
    ("TOTAL", "EF_RES"), ("TOTAL", "EF_TEMP"),
)  # fmt: skip
"""Columns of `Supplies.read`: circuit role and measurand."""

PROD_SHARE: Final = 0.7
CTRL_SHARE: Final = 0.2
POST_RUN_S: Final = 600.0
START_PEAK: Final = 0.12
"""Extra load while production rises."""


class Supplies:
    """f firms, advanced together. Incident inputs are plain arrays (f,), set by scenarios.

    Args:
        rated_kw: (f,) rating of each firm's supply.
        turnover_kwh: where the energy meters start again from zero.
        ordered_shut: (f,) firms under an order to stop production.
        rng: draws what makes firms differ.
    """

    def __init__(
        self,
        rated_kw: NDArray[np.float64],
        *,
        turnover_kwh: float,
        ordered_shut: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> None:
        f = len(rated_kw)
        self.rated_kw = rated_kw
        self._turnover = turnover_kwh
        self._ordered = ordered_shut
        self._energy = rng.uniform(0, turnover_kwh, f)
        self._cycle_s = rng.uniform(180, 900, f)
        self._phase = rng.uniform(0, 2 * np.pi, f)
        self._wander = np.zeros(f)
        self._unbalance = 1 + rng.uniform(-0.05, 0.05, (f, 3))
        self._leakage = rng.uniform(50, 140, f)
        self._grid_v = rng.uniform(226, 230, f)
        self._joint_k = rng.uniform(12, 20, f)
        self._warm_k = np.zeros(f)
        self._post_run = np.zeros(f)
        self._before = np.zeros(f)
        self._started = False
        self._prod = np.zeros(f)
        self._ctrl = np.zeros(f)
        self._total = np.zeros(f)
        self.disobeying = np.zeros(f)
        """Production of an ordered-shut firm that resumed in secret, share of full."""
        self.leakage_ma = np.zeros(f)
        """Extra residual current of a damaged cable."""
        self.joint_k = np.zeros(f)
        """Extra heat of a loose joint at rated load, K."""

    def step(
        self, dt: float, now_s: float, production: NDArray[np.float64], rng: np.random.Generator
    ) -> None:
        """Advance by dt seconds at each firm's shift level (f,), 0..1."""
        level = np.where(self._ordered, self.disobeying, production)
        keep = np.exp(-dt / 120.0)
        self._wander = keep * self._wander + np.sqrt(1 - keep**2) * rng.normal(0, 0.03, len(level))
        cycle = 0.05 * np.sin(2 * np.pi * now_s / self._cycle_s + self._phase)
        if not self._started:
            self._before = level
        rising = np.clip((level - self._before) / dt * RAMP_S, 0, 1)
        self._before = level
        drawn = level * (0.82 + cycle + self._wander) + START_PEAK * rising * level
        self._post_run = np.where(level > 0.05, POST_RUN_S, np.maximum(self._post_run - dt, 0))
        care = np.where(self._ordered, 0.015, 0.03)
        self._prod = PROD_SHARE * self.rated_kw * (care + 0.9 * np.clip(drawn, 0, 1.1))
        self._ctrl = CTRL_SHARE * self.rated_kw * np.where(self._post_run > 0, 0.8, 0.02)
        light = 0.04 * self.rated_kw * (1 + 0.5 * level)
        self._total = self._prod + self._ctrl + light
        self._energy = (self._energy + self._total * dt / 3600) % self._turnover
        goal = (self._joint_k + self.joint_k) * (self._total / self.rated_kw) ** 2
        if not self._started:
            self._warm_k, self._started = goal, True
        self._warm_k = self._warm_k + (goal - self._warm_k) * (1 - np.exp(-dt / 90.0))

    def read(self, now_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """The points of every firm, float64 (f, 10), columns as KINDS."""
        f = len(self.rated_kw)
        noise = rng.normal(0, 1, (f, len(KINDS)))
        load = self._total / self.rated_kw
        shown = np.empty((f, len(KINDS)))
        shown[:, 0] = self._total * (1 + 0.004 * noise[:, 0])
        shown[:, 1] = self._energy
        shown[:, 2] = self._grid_v - 6 * load + 0.5 * noise[:, 2]
        shown[:, 3:6] = (
            AMPERE_PER_KW * self._total[:, None] * self._unbalance * (1 + 0.006 * noise[:, 3:6])
        )
        shown[:, 6] = self._prod * (1 + 0.005 * noise[:, 6])
        shown[:, 7] = self._ctrl * (1 + 0.005 * noise[:, 7])
        shown[:, 8] = self._leakage + 30 * load + self.leakage_ma + 2.5 * noise[:, 8]
        shown[:, 9] = ambient_c(now_s) + self._warm_k + 0.15 * noise[:, 9]
        digits = np.array([0.1, 0.01, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 0.1])
        rounded: NDArray[np.float64] = np.maximum(np.round(shown / digits) * digits, 0.0)
        return rounded
