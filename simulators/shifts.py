"""When firms work: how much of full production a site runs at, from its shift and the local time.

The county keeps Beijing time (UTC+8). Sites start a little apart from each other, ramp up, rest at
noon if they work by day, and close on Sundays unless they run continuously.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

UTC_OFFSET_S: Final = 8 * 3600
DAY_S: Final = 86_400
RAMP_S: Final = 600.0
"""From standstill to full production."""

_HOURS: Final = {"day": (8.0, 18.0), "two": (6.0, 22.5), "continuous": (-1.0, 25.0)}
_SUNDAY: Final = 3
"""The epoch's first day was a Thursday, so Sunday is day 3 of weeks counted from it."""


class Shifts:
    """Production levels of many sites at once.

    Args:
        shifts: for each of s sites "day", "two" or "continuous".
        rng: draws each site's own starting minute.
    """

    def __init__(self, shifts: Sequence[str], rng: np.random.Generator) -> None:
        own_s = rng.uniform(-1200, 1200, len(shifts))
        self._start = np.array([_HOURS[shift][0] * 3600 for shift in shifts]) + own_s
        self._end = np.array([_HOURS[shift][1] * 3600 for shift in shifts]) + own_s
        self._by_day = np.array([shift == "day" for shift in shifts], bool)
        self._continuous = np.array([shift == "continuous" for shift in shifts], bool)

    def level(self, now_s: float) -> NDArray[np.float64]:
        """Production of each site at a Unix time, 0 (stopped) to 1 (full): float64 (s,)."""
        local = now_s + UTC_OFFSET_S
        second = local % DAY_S
        up = np.clip((second - self._start) / RAMP_S, 0.0, 1.0)
        down = np.clip((self._end - second) / RAMP_S, 0.0, 1.0)
        level = np.minimum(up, down)
        if 12 * 3600 <= second < 13 * 3600:
            level = np.where(self._by_day, 0.35 * level, level)
        if int(local // DAY_S) % 7 == _SUNDAY:
            level = np.where(self._continuous, level, 0.0)
        return np.where(self._continuous, np.maximum(level, 0.85), level)


def ambient_c(now_s: float) -> float:
    """Air temperature, degrees Celsius: coldest about 05:00, warmest about 15:00 local."""
    second = (now_s + UTC_OFFSET_S) % DAY_S
    return float(21.0 + 6.0 * np.sin(2 * np.pi * (second / DAY_S - 10 / 24)))
