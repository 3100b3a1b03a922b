"""The compiled form of everything people edit: immutable columns, replaced whole.

Sensors are sorted by id and gateways by number; a *row* is a place in those columns. The four
limits of a sensor stand in fixed slots, so the condition columns are (4, s) arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.alarms import Family
from alerting.configuration import Configuration, Timing
from alerting.limits import GatewaySpec, Level, Limit

LEVELS: Final[tuple[Level, ...]] = ("HH", "H", "L", "LL")
"""Slot -> level."""
SLOTS: Final[dict[str, int]] = {level: slot for slot, level in enumerate(LEVELS)}
HIGH_SLOTS: Final = (0, 1)
LOW_SLOTS: Final = (3, 2)
WORST_FIRST: Final[dict[Family, tuple[int, ...]]] = {"high": HIGH_SLOTS, "low": LOW_SLOTS}
MIN_SILENCE_US: Final = 300_000_000
"""A sensor is stale after max(3 periods, this); domain 3.4."""
DENSE_SLACK: Final = 1 << 20


class RowIndex:
    """Ids to rows, -1 for an id that is not there."""

    __slots__ = ("_ids", "_table")

    def __init__(self, ids: NDArray[np.int32]) -> None:
        """`ids` ascending and unique, none negative."""
        self._ids = ids
        self._table: NDArray[np.int32] | None = None
        if len(ids) and int(ids[-1]) < 8 * len(ids) + DENSE_SLACK:
            # One slot below for negative ids, one above for ids past the end: `take` clips.
            table = np.full(int(ids[-1]) + 3, -1, np.int32)
            table[ids + 1] = np.arange(len(ids), dtype=np.int32)
            self._table = table

    def rows(self, ids: NDArray[np.int32]) -> NDArray[np.intp]:
        if self._table is not None:
            return self._table.take(ids.astype(np.int64) + 1, mode="clip").astype(np.intp)
        if not len(self._ids):
            return np.full(len(ids), -1, np.intp)
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[place] == ids, place, -1)

    def row(self, number: int) -> int:
        """Row of one id, or -1."""
        place = int(np.searchsorted(self._ids, number))
        return place if place < len(self._ids) and int(self._ids[place]) == number else -1


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """s sensors, g gateways. Times µs; values in each sensor's unit.

    Attributes:
        sensor: int32 (s,), ids ascending.
        sensor_gateway: intp (s,), row of the sensor's gateway.
        silence: int64 (s,), a sensor silent this long is stale.
        range_low, range_high: float64 (s,), full scale; infinite where none is given.
        full_low, full_high: float64 (s,), what an over-range reading is judged as; it exceeds
            every limit of its side.
        has_high, has_low: bool (s,), the sides that alarm.
        present: bool (4, s), the sensor has a limit in this slot.
        setpoint, release: float64 (4, s), where the condition begins, where it has returned.
        on_delay, off_delay: int64 (4, s).
        out_of_service, suppressed: bool (s,).
        gateway: int32 (g,), numbers ascending; also those only a sensor names.
        gateway_silence: int64 (g,).
    """

    configuration: Configuration
    sensor: NDArray[np.int32]
    sensor_gateway: NDArray[np.intp]
    silence: NDArray[np.int64]
    range_low: NDArray[np.float64]
    range_high: NDArray[np.float64]
    full_low: NDArray[np.float64]
    full_high: NDArray[np.float64]
    has_high: NDArray[np.bool_]
    has_low: NDArray[np.bool_]
    present: NDArray[np.bool_]
    setpoint: NDArray[np.float64]
    release: NDArray[np.float64]
    on_delay: NDArray[np.int64]
    off_delay: NDArray[np.int64]
    out_of_service: NDArray[np.bool_]
    suppressed: NDArray[np.bool_]
    gateway: NDArray[np.int32]
    gateway_silence: NDArray[np.int64]
    sensors: RowIndex
    gateways: RowIndex

    @property
    def timing(self) -> Timing:
        return self.configuration.timing

    def limit(self, row: int, slot: int) -> Limit:
        """The limit in a slot that is present."""
        level = LEVELS[slot]
        spec = self.configuration.sensors[int(self.sensor[row])]
        return next(limit for limit in spec.limits if limit.level == level)


def compile_program(configuration: Configuration) -> Program:
    """Compile a configuration.

    Raises:
        ValueError: a sensor has two limits of one level, a number that is not finite, or a
            negative deadband or delay. The text names the sensor.
    """
    ids = sorted(configuration.sensors)
    specs = [configuration.sensors[number] for number in ids]
    numbers = sorted({*configuration.gateways, *(spec.gateway for spec in specs)})
    gateways = [configuration.gateways.get(n, GatewaySpec(number=n)) for n in numbers]
    gateway_row = {number: row for row, number in enumerate(numbers)}
    count = len(specs)
    present = np.zeros((4, count), np.bool_)
    setpoint = np.zeros((4, count))
    release = np.zeros((4, count))
    on_delay = np.zeros((4, count), np.int64)
    off_delay = np.zeros((4, count), np.int64)
    for row, spec in enumerate(specs):
        for limit in spec.limits:
            slot = SLOTS[limit.level]
            _check(spec.id, limit, repeated=bool(present[slot, row]))
            present[slot, row] = True
            setpoint[slot, row] = limit.setpoint
            deadband = limit.deadband if slot >= 2 else -limit.deadband
            release[slot, row] = limit.setpoint + deadband
            on_delay[slot, row] = limit.on_delay_us
            off_delay[slot, row] = limit.off_delay_us
    infinity = float("inf")
    low = [-infinity if s.range_low is None else s.range_low for s in specs]
    high = [infinity if s.range_high is None else s.range_high for s in specs]
    range_low = np.array(low, np.float64)
    range_high = np.array(high, np.float64)
    top = np.where(present[:2], setpoint[:2], -infinity).max(axis=0, initial=-infinity)
    bottom = np.where(present[2:], setpoint[2:], infinity).min(axis=0, initial=infinity)
    silence = [max(3 * spec.period_us, MIN_SILENCE_US) for spec in specs]
    sensor = np.array(ids, np.int32)
    gateway = np.array(numbers, np.int32)
    return Program(
        configuration=configuration,
        sensor=sensor,
        sensor_gateway=np.array([gateway_row[spec.gateway] for spec in specs], np.intp),
        silence=np.array(silence, np.int64),
        range_low=range_low,
        range_high=range_high,
        full_low=np.where(np.isfinite(range_low), np.minimum(range_low, bottom), bottom),
        full_high=np.where(np.isfinite(range_high), np.maximum(range_high, top), top),
        has_high=present[0] | present[1],
        has_low=present[2] | present[3],
        present=present,
        setpoint=setpoint,
        release=release,
        on_delay=on_delay,
        off_delay=off_delay,
        out_of_service=np.array([spec.out_of_service for spec in specs], np.bool_),
        suppressed=np.array([spec.suppressed for spec in specs], np.bool_),
        gateway=gateway,
        gateway_silence=np.array([spec.silence_us for spec in gateways], np.int64),
        sensors=RowIndex(sensor),
        gateways=RowIndex(gateway),
    )


def _check(sensor: int, limit: Limit, *, repeated: bool) -> None:
    where = f"sensor {sensor}, limit {limit.level}"
    if repeated:
        raise ValueError(f"{where}: given twice; a sensor has one limit of each level")
    if not (np.isfinite(limit.setpoint) and np.isfinite(limit.deadband)):
        raise ValueError(f"{where}: setpoint and deadband must be finite numbers")
    if limit.deadband < 0 or limit.on_delay_us < 0 or limit.off_delay_us < 0:
        raise ValueError(f"{where}: deadband and delays must not be negative")
