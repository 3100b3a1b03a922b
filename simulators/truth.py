"""Labelled truth: what really happened, one JSON line each, beside what was published.

`begin` is written when an incident begins, `end` when it ends, with the points it showed on, the
highest and lowest true value each reached and when. Times are int64 ms UTC of plant time. The
truth knows causes, never the county's alarms: a score compares the two.
"""

from __future__ import annotations

from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulators.county import County


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the truth file."""

    event: str
    """`begin` or `end`."""
    id: str
    scenario: str
    kind: str
    site: str
    zone: str | None
    at: int
    numbers: dict[str, float]
    sensors: tuple[Shown, ...] = ()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A point the incident showed on, and how far it went (`end` only: null before)."""

    gateway: str
    tag: str
    highest: float | None = None
    highest_at: int | None = None
    lowest: float | None = None
    lowest_at: int | None = None


class Watch:
    """Highest and lowest value of some sensors since an incident began."""

    def __init__(self, rows: NDArray[np.intp]) -> None:
        self.rows = rows
        self._high = np.full(len(rows), -np.inf)
        self._low = np.full(len(rows), np.inf)
        self._high_at = np.zeros(len(rows), np.int64)
        self._low_at = np.zeros(len(rows), np.int64)

    def see(self, values: NDArray[np.float64], now_us: int) -> None:
        """Take note of all sensors' values at a time."""
        here = values[self.rows]
        higher, lower = here > self._high, here < self._low
        self._high = np.where(higher, here, self._high)
        self._low = np.where(lower, here, self._low)
        self._high_at[higher] = now_us // 1000
        self._low_at[lower] = now_us // 1000

    def shown(self, county: County) -> tuple[Shown, ...]:
        """The sensors, with what was seen so far."""
        return tuple(
            Shown(
                gateway=county.sensors[row].gateway,
                tag=county.sensors[row].tag,
                highest=float(self._high[k]) if np.isfinite(self._high[k]) else None,
                highest_at=int(self._high_at[k]) or None,
                lowest=float(self._low[k]) if np.isfinite(self._low[k]) else None,
                lowest_at=int(self._low_at[k]) or None,
            )
            for k, row in enumerate(self.rows)
        )


class TruthFile:
    """Writes labels to an open text file, a line each, flushed; without a file it only counts."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._file = file
        self.begun = 0
        self.ended = 0

    def write(self, label: Label) -> None:
        """Write one label.

        Raises:
            OSError: the file cannot be written; the caller's disk.
        """
        self.begun += label.event == "begin"
        self.ended += label.event == "end"
        if self._file is not None:
            self._file.write(msgspec.json.encode(label).decode() + "\n")
            self._file.flush()
