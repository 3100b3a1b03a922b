"""Faults of sensors, laid over the true values: drift, stuck, spikes, device fault, drop-out.

The plant's physics never sees a fault: what is true and what is shown stay apart, and the truth
file can say which is which.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.readings import Quality


class Faults:
    """Fault inputs of n sensors; scenarios set the arrays, `show` applies them.

    Attributes:
        drift: (n,) added to the value, in the sensor's unit.
        stuck: (n,) the value to repeat, NaN for none.
        spike: (n,) height of spikes, in the sensor's unit; one reading in four carries one.
        broken: (n,) the device reports its own fault: no value, quality B.
        silent: (n,) nothing is sent for this sensor at all.
    """

    def __init__(self, n: int) -> None:
        self.drift = np.zeros(n)
        self.stuck = np.full(n, np.nan)
        self.spike = np.zeros(n)
        self.broken = np.zeros(n, bool)
        self.silent = np.zeros(n, bool)

    def show(
        self,
        true: NDArray[np.float64],
        quality: NDArray[np.uint8],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """What the sensors show: values (NaN where broken) and quality, both new arrays."""
        spikes = self.spike * (rng.random(len(true)) < 0.25)
        shown = np.where(np.isnan(self.stuck), true + self.drift + spikes, self.stuck)
        shown = np.round(shown, 3)
        return (
            np.where(self.broken, np.nan, shown),
            np.where(self.broken, np.uint8(Quality.BAD), quality),
        )
