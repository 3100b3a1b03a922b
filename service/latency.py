"""From a message's sending to its commit: a histogram that takes whole batches at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

EDGES_S: Final[NDArray[np.float64]] = np.geomspace(0.000_5, 60.0, 64)
"""Upper edges of the bins (s), each 20 % above the one before."""


class CommitLatency(Collector):
    """`vedette_commit_seconds`: age of messages when they are committed.

    The age counts from `sent` where a message says it, else from its reception. A gateway's wrong
    clock makes its ages wrong, so this is a figure for gateways whose clocks are right.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(EDGES_S) + 1, np.int64)
        self._sum_s = 0.0

    def observe(self, ages_us: NDArray[np.int64]) -> None:
        """Add the ages of n messages, int64 µs."""
        seconds = np.maximum(ages_us, 0) / 1e6
        self._counts += np.bincount(np.searchsorted(EDGES_S, seconds), minlength=len(self._counts))
        self._sum_s += float(seconds.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        running = np.cumsum(self._counts).tolist()
        edges = [*(f"{edge:.6g}" for edge in EDGES_S), "+Inf"]
        yield HistogramMetricFamily(
            "vedette_commit_seconds",
            "Age of messages when they are committed (s).",
            buckets=list(zip(edges, running, strict=True)),
            sum_value=self._sum_s,
        )
