"""How many readings a second the judge takes, every one compared with four limits.

    python benchmarks/bench_step.py [--sensors 1000,10000,100000,1000000] [--seconds 1.0]

Each sensor has HH, H, L and LL. Readings come 20 to a message; `step` is the pure function (the
state is copied as far as it is written), `fold` is the live loop (decoding the journal's bytes
included). Cases: quiet data with every sensor once a batch; one busy sensor with 5,000 readings a
batch; a flood in which a hundredth, and a storm in which a tenth of a batch's sensors cross both
limits; every sensor standing in alarm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from alerting import (
    Configuration,
    Fold,
    GatewaySpec,
    Limit,
    SensorSpec,
    compile_program,
    initial_state,
    step,
)
from domain.entries import Entry, EntryKind
from domain.readings import MessageColumns, ReadingBatch

S = 1_000_000
PER_MESSAGE = 20
START = 1_772_669_730 * S
LIMITS = tuple(
    Limit(level=level, setpoint=setpoint, deadband=2.0, on_delay_us=0, off_delay_us=0)  # type: ignore[arg-type]
    for level, setpoint in (("HH", 90.0), ("H", 80.0), ("L", 20.0), ("LL", 10.0))
)


def configuration(sensors: int) -> Configuration:
    return Configuration(
        sensors={
            n: SensorSpec(
                id=n,
                gateway=n // PER_MESSAGE,
                period_us=30 * S,
                range_low=0.0,
                range_high=100.0,
                limits=LIMITS,
            )
            for n in range(sensors)
        },
        gateways={n: GatewaySpec(number=n) for n in range(-(-sensors // PER_MESSAGE))},
    )


def batch(sensor: np.ndarray, value: np.ndarray, now: int, spacing: int = 0) -> ReadingBatch:
    count = len(sensor)
    messages = -(-count // PER_MESSAGE)
    message = (np.arange(count) // PER_MESSAGE).astype(np.int32)
    received = np.full(messages, now, np.int64)
    return ReadingBatch(
        messages=MessageColumns(
            gateway=(sensor[::PER_MESSAGE] // PER_MESSAGE).astype(np.int32),
            received=received,
            sent=received - 20_000,
            sequence=np.full(messages, now // S, np.int64),
            boot=np.zeros(messages, np.int32),
            backfill=np.zeros(messages, np.bool_),
            boots=("b",),
        ),
        message=message,
        sensor=sensor.astype(np.int32),
        time=now - 50_000 + spacing * np.arange(count, dtype=np.int64),
        value=value,
        quality=np.zeros(count, np.uint8),
        reason=np.zeros(count, np.uint16),
    )


Batches = Iterator[ReadingBatch]


def quiet(sensors: int, size: int) -> Batches:
    """Values wander inside the limits; batches walk through all sensors."""
    random = np.random.default_rng(1)
    order, now, at = np.arange(sensors), START, 0
    while True:
        chosen = order[at : at + size]
        at += size
        if at >= sensors:
            at, now = 0, now + S
        yield batch(chosen, random.uniform(25, 75, len(chosen)), now)


def busy(sensors: int, size: int) -> Batches:
    """Half of each batch is one sensor; every reading is newer than the last."""
    random = np.random.default_rng(2)
    now = START
    half = min(size // 2, 5000)
    others = np.arange(min(size - half, sensors))
    while True:
        chosen = np.concatenate((np.full(half, 7), others))
        now += S
        yield batch(chosen, random.uniform(25, 75, len(chosen)), now, spacing=1)


def flood(sensors: int, size: int) -> Batches:
    """A hundredth of the sensors of each batch go above HH or come back."""
    return crossing(sensors, size, 100)


def storm(sensors: int, size: int) -> Batches:
    """A tenth of them do."""
    return crossing(sensors, size, 10)


def crossing(sensors: int, size: int, one_in: int) -> Batches:
    random = np.random.default_rng(3)
    above = np.zeros(sensors, np.bool_)
    for readings in quiet(sensors, size):
        chosen = readings.sensor
        above[random.choice(chosen, len(chosen) // one_in, replace=False)] ^= True
        readings.value[:] = np.where(above[chosen], 95.0, 50.0)
        yield readings


def alarmed(sensors: int, size: int) -> Batches:
    """Every sensor stands in alarm and stays there."""
    random = np.random.default_rng(4)
    for readings in quiet(sensors, size):
        readings.value[:] = random.uniform(92, 99, len(readings))
        yield readings


CASES: dict[str, Callable[[int, int], Batches]] = {
    "quiet": quiet,
    "busy": busy,
    "flood": flood,
    "storm": storm,
    "alarmed": alarmed,
}


def pure(sensors: int) -> Callable[[ReadingBatch, int], object]:
    program = compile_program(configuration(sensors))
    state = initial_state(program)

    def run(readings: ReadingBatch, position: int) -> object:
        nonlocal state
        state, outcome = step(program, state, readings, position=position)
        return outcome

    return run


def live(sensors: int) -> Callable[[ReadingBatch, int], object]:
    fold = Fold(configuration(sensors))

    def run(readings: ReadingBatch, position: int) -> object:
        return fold.apply(position, Entry(EntryKind.BATCH, readings.to_bytes()))

    return run


def measure(case: str, sensors: int, size: int, seconds: float, *, fold: bool) -> dict[str, float]:
    batches = CASES[case](sensors, size)
    run = (live if fold else pure)(sensors)
    # Every sensor is read twice before the clock starts: gateways have samples, alarms stand.
    position = 0
    for _ in range(2 * -(-sensors // size) + 2):
        position += 1
        run(next(batches), position)
    rates: list[float] = []
    spent = 0.0
    while spent < seconds or len(rates) < 5:
        readings = next(batches)
        position += 1
        started = time.perf_counter()
        run(readings, position)
        took = time.perf_counter() - started
        spent += took
        rates.append(len(readings) / took)
    return {
        "median": statistics.median(rates),
        "low": min(rates),
        "high": max(rates),
        "batches": len(rates),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sensors", default="1000,10000,100000,1000000")
    parser.add_argument("--batch", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for sensors in map(int, options.sensors.split(",")):
        size = min(options.batch, sensors)
        for case in options.cases.split(","):
            for fold in (False, True):
                result = measure(case, sensors, size, options.seconds, fold=fold)
                way = "fold" if fold else "step"
                rows.append({"sensors": sensors, "case": case, "way": way, "batch": size, **result})
                if not options.json:
                    print(
                        f"{sensors:>8} sensors  {case:<8} {way}  batch {size:>6}  "
                        f"{result['median'] / 1e6:6.2f} M readings/s "
                        f"(batches {result['low'] / 1e6:.2f}..{result['high'] / 1e6:.2f})",
                        flush=True,
                    )
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
