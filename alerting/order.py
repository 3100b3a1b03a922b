"""Which reading is the newest of its sensor, and what bars none: a time that cannot have been.

Answered for whole columns: what a reading finds known of its sensor is a running maximum over the
readings before it. Only behind a newest time that is void (`docs/judging.md`, "A time that cannot
be bars nothing") the readings of its sensor are gone through one by one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.clocks import TOLERANCE_US
from alerting.conditions import FOREVER, NEVER
from alerting.state import Newest
from domain.readings import MessageColumns, Reason

SMALL: Final = 1 << 16
"""Rows below this sort by radix, which is several times faster."""


class Latest(NamedTuple):
    """The latest time a reading of m messages can have, by our clock and by the gateway's.

    Attributes:
        near, far: int64 (m,), the earlier and the later of the two.
    """

    near: NDArray[np.int64]
    far: NDArray[np.int64]

    def of(
        self, message: NDArray[np.int32] | NDArray[np.intp], time: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """What n readings must not find ahead of them: the first that they do not exceed.

        A reading that itself exceeds both says nothing of others.
        """
        far = np.where(time <= self.far[message], self.far[message], FOREVER)
        return np.where(time <= self.near[message], self.near[message], far)


def latest_times(messages: MessageColumns, offset: NDArray[np.int64]) -> Latest:
    """`offset`: int64 (m,), in force."""
    now = messages.received + TOLERANCE_US
    return Latest(now - np.maximum(offset, 0), now - np.minimum(offset, 0))


class Known(NamedTuple):
    """n readings of known sensors, as columns in arrival order.

    Attributes:
        row: intp, of the sensor.
        time: int64 µs, event time as given.
        value: float64, as given.
        message: int32, row of the message that brought it.
        candidate: bool, young enough to be judged live.
        kept: bool, to be stored.
    """

    row: NDArray[np.intp]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    message: NDArray[np.int32]
    candidate: NDArray[np.bool_]
    kept: NDArray[np.bool_]


class Lapse(NamedTuple):
    """A live reading found a newest time of its sensor that cannot have been; it is void now."""

    row: int
    """Of the reading."""
    latest: int
    """What is later than this is void with it, µs."""
    by: int
    """How far the void time lies after the reading's, µs."""


class Order(NamedTuple):
    """What became of n readings.

    Attributes:
        live: a candidate newer than every candidate of its sensor before it, void ones left out.
        fresh: kept, and newer than everything of its sensor kept before it.
        why: uint16, DUPLICATE, CORRECTION or STRAGGLER for a candidate that is not live.
        lapses: in arrival order.
    """

    live: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    why: NDArray[np.uint16]
    lapses: list[Lapse]


def order(newest: Newest, readings: Known, latest: Latest) -> Order:
    """Put n readings in order with those before them.

    Args:
        newest: what is known of each sensor.
        readings: n of them.
        latest: the latest times there can be.
    """
    found = _found(newest, readings)
    fresh = readings.kept & (readings.time > found.kept)
    lapses: list[Lapse] = []
    # Whole columns first: nearly always nothing known is later than anything that can be.
    if found.time.max(initial=NEVER) > latest.near.min(initial=FOREVER):
        lapses = _void(newest, readings, latest, found)
    return Order(found.live, fresh, _why(readings, found), lapses)


class _Found(NamedTuple):
    """Of n readings: whether they are live, and what they found known of their sensors.

    Attributes:
        time, value: of the newest live reading before; int64 µs, float64.
        kept: int64 µs, the newest time kept before.
    """

    live: NDArray[np.bool_]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    kept: NDArray[np.int64]


def _found(newest: Newest, readings: Known) -> _Found:
    row = readings.row
    place = np.arange(len(row))
    seen = np.empty(len(newest.time), np.intp)
    seen[row] = place
    if (seen[row] != place).any():
        return _found_in_turn(newest, readings)
    time = newest.time[row]  # no sensor twice
    live = readings.candidate & (readings.time > time)
    return _Found(live, time, newest.value[row], newest.kept[row])


def _found_in_turn(newest: Newest, readings: Known) -> _Found:
    """Where a sensor comes more than once, its later readings find its earlier ones."""
    count = len(readings.row)
    key = readings.row.astype(np.uint16) if len(newest.time) <= SMALL else readings.row
    by_sensor = np.argsort(key, kind="stable")
    row, time, value = readings.row[by_sensor], readings.time[by_sensor], readings.value[by_sensor]
    candidate, kept = readings.candidate[by_sensor], readings.kept[by_sensor]
    begin = _group_begin(row)
    ahead = _running_max_before(np.where(candidate, time, NEVER), begin, newest.time[row])
    kept_ahead = _running_max_before(np.where(kept, time, NEVER), begin, newest.kept[row])
    live = candidate & (time > ahead)
    mark = np.maximum.accumulate(np.where(live, np.arange(count), -1))
    mark = np.concatenate(([-1], mark[:-1]))
    last = np.where(mark >= begin, value[mark], newest.value[row])
    back = np.empty(count, np.intp)
    back[by_sensor] = np.arange(count)
    return _Found(live[back], ahead[back], last[back], kept_ahead[back])


def _group_begin(sorted_rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each place of a sorted column, the first place with the same row."""
    place = np.arange(len(sorted_rows))
    starts = np.concatenate(([True], sorted_rows[1:] != sorted_rows[:-1]))
    return np.maximum.accumulate(np.where(starts, place, 0))


def _running_max_before(
    times: NDArray[np.int64], begin: NDArray[np.intp], initial: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Per group, the largest of `initial` and all times before each place (doubling scan)."""
    depth = np.arange(len(times)) - begin
    running = np.concatenate(([NEVER], times[:-1]))
    running[depth == 0] = NEVER
    reach, longest = 1, int(depth.max())
    while reach < longest:
        joined = np.where(depth[reach:] >= reach, running[:-reach], NEVER)
        running[reach:] = np.maximum(running[reach:], joined)
        reach *= 2
    return np.maximum(running, initial)


def _void(newest: Newest, readings: Known, latest: Latest, found: _Found) -> list[Lapse]:
    """Find the times that cannot have been, and write what is true instead into `found`."""
    row, time, message = readings.row, readings.time, readings.message
    void = readings.candidate & (found.time > latest.of(message, time))
    if not void.any():
        return []
    # Up to its first void time what was found for a sensor is right; hence all of it anew.
    anew = np.zeros(len(newest.time), np.bool_)
    anew[row[void]] = True
    index = np.flatnonzero(anew[row] & readings.candidate)
    return _walk(newest, readings, index, latest.of(message[index], time[index]), found)


def _walk(
    newest: Newest,
    readings: Known,
    index: NDArray[np.intp],
    latest: NDArray[np.int64],
    found: _Found,
) -> list[Lapse]:
    """The readings at `index` one by one; writes what they found."""
    lapses: list[Lapse] = []
    known: dict[int, tuple[int, float]] = {}
    row, time, value = (column[index].tolist() for column in readings[:3])
    for k, sensor, t, v, highest in zip(
        index.tolist(), row, time, value, latest.tolist(), strict=True
    ):
        ahead, before = known.get(sensor) or (
            int(newest.time[sensor]),
            float(newest.value[sensor]),
        )
        found.time[k], found.value[k] = ahead, before
        void = ahead > highest
        found.live[k] = void or t > ahead
        if void:
            lapses.append(Lapse(k, highest, ahead - t))
        if found.live[k]:
            known[sensor] = t, v
    return lapses


def _why(readings: Known, found: _Found) -> NDArray[np.uint16]:
    """Why candidates are not live."""
    why = np.zeros(len(readings.row), np.uint16)
    idle = np.flatnonzero(readings.candidate & ~found.live)
    if len(idle):
        time, before = readings.time[idle], found.time[idle]
        value, last = readings.value[idle], found.value[idle]
        same = (value == last) | (np.isnan(value) & np.isnan(last))
        again = np.where(same, np.uint16(Reason.DUPLICATE), np.uint16(Reason.CORRECTION))
        why[idle] = np.where(time < before, np.uint16(Reason.STRAGGLER), again)
    return why
