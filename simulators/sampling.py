"""Which points a gateway reports this second: those that are due, and those that moved.

A box reports all its points when it starts; after that a point is due once a period, with the
other points of its box. A state reports at once when it changes, an analog
point when it moved by a share of its full scale since its last report, but not more often than
its class allows: so a leak is seen second by second while a calm county sends little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.assets import Sensor
from simulators.plant import STATE_NAMES

MOVED_SHARE: Final = {"GAS": 0.02, "DC": 0.03, "WC": 0.03, "PW": 0.05, "EF": 0.05}
"""By the first part of the measurand's code: report at once beyond this share of full scale."""
SHORTEST_S: Final = {"GAS": 1.0, "DC": 5.0, "WC": 5.0, "PW": 10.0, "EF": 10.0}
"""By the same: never more often than this."""
NEVER_MOVES: Final = frozenset({"PW_E"})
"""Counters go on all the time; their period is enough."""


class Sampler:
    """Chooses among n sensors, second by second.

    Args:
        sensors: the county's sensors, in the plant's order.
        rng: draws each gateway's phase within the periods.
    """

    def __init__(self, sensors: Sequence[Sensor], rng: np.random.Generator) -> None:
        n = len(sensors)
        self._period = np.array([s.period_s for s in sensors])
        self._next = np.zeros(n)
        phases = {s.gateway: rng.random() for s in sensors}
        self._phase = np.array([phases[s.gateway] for s in sensors])
        self._last = np.full(n, np.nan)
        self._last_quality = np.zeros(n, np.uint8)
        self._last_at = np.full(n, -np.inf)
        self._moved = np.array([_moved(s) for s in sensors])
        self._shortest = np.array(
            [SHORTEST_S.get(s.measurand.partition("_")[0], 1.0) for s in sensors]
        )

    def choose(
        self,
        elapsed_s: float,
        values: NDArray[np.float64],
        quality: NDArray[np.uint8],
        silent: NDArray[np.bool_],
    ) -> NDArray[np.intp]:
        """Rows to report at plant second `elapsed_s`, ascending; silent ones never."""
        due = elapsed_s >= self._next
        moved = np.abs(values - self._last) >= self._moved
        moved |= np.isnan(values) != np.isnan(self._last)
        moved |= quality != self._last_quality
        moved &= elapsed_s - self._last_at >= self._shortest
        chosen = np.flatnonzero((due | moved) & ~silent)
        period, phase = self._period[due], self._phase[due]
        self._next[due] = (np.floor(elapsed_s / period - phase) + 1.0 + phase) * period
        self._last[chosen], self._last_quality[chosen] = values[chosen], quality[chosen]
        self._last_at[chosen] = elapsed_s
        return chosen


def _moved(sensor: Sensor) -> float:
    if sensor.measurand in NEVER_MOVES:
        return np.inf
    if sensor.measurand in STATE_NAMES:
        return 0.5
    share = MOVED_SHARE.get(sensor.measurand.partition("_")[0], 0.05)
    if sensor.range_high is None:
        return np.inf
    return share * (sensor.range_high - (sensor.range_low or 0.0))
