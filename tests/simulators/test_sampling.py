from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.assets import Sensor
from simulators.sampling import Sampler


def sensor(tag: str, measurand: str, *, period_s: float, high: float | None) -> Sensor:
    return Sensor(
        id=1, gateway="gw", tag=tag, measurand=measurand, period_s=period_s,
        range_low=None if high is None else 0.0, range_high=high,
    )  # fmt: skip


class Bench:
    """A sampler with its sensors' values at hand."""

    def __init__(self, *sensors: Sensor) -> None:
        n = len(sensors)
        self.sampler = Sampler(sensors, np.random.default_rng(1))
        self.values: NDArray[np.float64] = np.zeros(n)
        self.quality = np.zeros(n, np.uint8)
        self.silent = np.zeros(n, bool)

    def second(self, elapsed: float) -> list[int]:
        chosen = self.sampler.choose(elapsed, self.values, self.quality, self.silent)
        return [int(row) for row in chosen]


GAS = sensor("g", "GAS_LEL", period_s=15, high=100)
VALVE = sensor("v", "VALVE_POS", period_s=300, high=None)
METER = sensor("e", "PW_E", period_s=900, high=1e6)


def test_a_box_reports_everything_when_it_starts() -> None:
    assert Bench(GAS, VALVE, METER).second(0) == [0, 1, 2]


def test_a_calm_point_is_reported_once_a_period() -> None:
    bench = Bench(GAS)
    bench.second(0)
    told = [k for k in range(1, 151) if bench.second(k)]
    assert len(told) == 10
    assert set(np.diff(told)) == {15}


def test_a_point_that_moves_is_reported_at_once() -> None:
    bench = Bench(GAS)
    bench.second(0)
    first = next(k for k in range(1, 16) if bench.second(k))
    bench.values[0] = 1.9
    assert bench.second(first + 1) == []
    bench.values[0] = 2.1
    assert bench.second(first + 2) == [0]


def test_a_state_is_reported_when_it_changes() -> None:
    bench = Bench(VALVE)
    bench.second(0)
    bench.values[0] = 2.0
    assert bench.second(1) == [0]
    assert bench.second(2) == []


def test_a_change_of_quality_is_reported_at_once() -> None:
    bench = Bench(GAS)
    bench.second(0)
    bench.quality[0] = 2
    assert bench.second(1) == [0]


def test_a_silent_sensor_says_nothing() -> None:
    bench = Bench(GAS)
    bench.silent[0] = True
    assert [k for k in range(60) if bench.second(k)] == []


def test_a_meter_that_counts_is_not_news() -> None:
    bench = Bench(METER)
    bench.second(0)
    told = 0
    for k in range(1, 901):
        bench.values[0] += 100_000
        told += bool(bench.second(k))
    assert told == 1


def test_a_long_pause_is_not_made_up_for() -> None:
    bench = Bench(GAS)
    bench.second(0)
    assert bench.second(10_000) == [0]
    assert sum(bool(bench.second(10_000 + k)) for k in range(1, 16)) == 1
