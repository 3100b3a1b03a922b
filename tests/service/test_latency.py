"""The histogram of ages at commit: whole batches at once, counted once each."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.latency import EDGES_S, CommitLatency


def exposed(*batches: list[int]) -> dict[str, float]:
    """The figures as a scrape sees them; ages in µs."""
    latency, registry = CommitLatency(), CollectorRegistry()
    registry.register(latency)
    for batch in batches:
        latency.observe(np.array(batch, np.int64))
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_every_message_is_counted_once_and_summed() -> None:
    figures = exposed([1_000, 2_000_000], [500_000], [])
    assert figures["vedette_commit_seconds_count"] == 3
    assert figures["vedette_commit_seconds_sum"] == pytest.approx(2.501)
    assert figures['vedette_commit_seconds_bucket{le="+Inf"}'] == 3


def test_buckets_are_cumulative_and_an_age_on_an_edge_is_within_it() -> None:
    edge = round(EDGES_S[20] * 1e6)
    figures = exposed([edge, edge + 1_000, 90_000_000])
    counts = [v for name, v in figures.items() if "_bucket" in name]
    assert counts == sorted(counts)
    assert counts[-2:] == [2, 3]
    assert len(counts) == len(EDGES_S) + 1


def test_an_age_from_a_clock_that_runs_ahead_counts_as_none() -> None:
    figures = exposed([-5_000_000])
    assert figures["vedette_commit_seconds_sum"] == 0
    assert next(v for name, v in figures.items() if "_bucket" in name) == 1
