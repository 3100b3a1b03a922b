"""What each reading of a batch counts for, before any limit is asked.

Three questions, each answered for whole columns: how old is it, what is its value worth, and is it
the newest of its sensor. The rules are the contract's, under "Time, lateness, range".
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.clocks import TOLERANCE_US
from alerting.conditions import FOREVER, NEVER
from alerting.program import Program
from alerting.state import Newest
from domain.readings import NO_TIME, MessageColumns, Quality, Reason

LATE_US: Final = 60_000_000
OLD_US: Final = 900_000_000
"""Older readings are history: stored, judged in retrospect, no bell."""
FUTURE_US: Final = -300_000_000
"""A younger age is a reading from the future."""


def quality_table(*members: Quality) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(members)] = True
    return table


JUDGED: Final = quality_table(Quality.GOOD, Quality.UNCERTAIN, Quality.ESTIMATED)
"""Qualities whose value is compared with limits. Only a good one may clear."""
AT_WORK: Final = quality_table(Quality.CALIBRATION, Quality.MAINTENANCE, Quality.STOPPED)
"""Qualities that say somebody is at the sensor or the process is not running."""


def ages(
    messages: MessageColumns,
    message: NDArray[np.int32],
    time: NDArray[np.int64],
    reason: NDArray[np.uint16],
    offset: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Age of n readings, µs.

    By the gateway's own clock where it said when it sent, else by ours less its offset. If
    that is out of the live window, but the plain difference of the clocks is not, the plain one
    holds: a correction must never silence.

    Args:
        messages: the m messages.
        message: of each reading, its row in `messages`.
        time: event time as given.
        reason: bits known on arrival.
        offset: int64 (m,), offset in force.
    """
    sent = messages.sent
    now = np.where(sent != NO_TIME, sent, messages.received - offset)
    age = now[message] - time
    unclocked = (reason & Reason.NO_DEVICE_TIME) != 0
    doubted = unclocked | (age < FUTURE_US) | (age > OLD_US)
    if doubted.any():
        plain = messages.received[message] - time
        alive = (plain >= FUTURE_US) & (plain <= OLD_US)
        age = np.where(doubted & (alive | unclocked), plain, age)
    return age


def worth(
    program: Program,
    row: NDArray[np.intp],
    value: NDArray[np.float64],
    quality: NDArray[np.uint8],
    reason: NDArray[np.uint16],
) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.uint16]]:
    """Value to judge, quality and reason of n readings of known sensors.

    Beyond the range on a side that alarms: full scale, uncertain. On the other side, or without a
    usable number, or with a device fault: bad. Maintenance and the like stay what they are.
    """
    flagged = Reason.OVER_RANGE | Reason.UNDER_RANGE | Reason.DEVICE_FAULT
    range_high, range_low = program.range_high[row], program.range_low[row]
    # One comparison for the many: a NaN or an infinity is inside no finite range.
    odd = ~((value <= range_high) & (value >= range_low) & (np.abs(value) < np.inf))
    odd |= (reason & flagged) != 0
    odd &= JUDGED[quality]
    k = np.flatnonzero(odd)
    if not len(k):
        return value, quality, reason
    value, quality, reason = value.copy(), quality.copy(), reason.copy()
    v, r, why = value[k], row[k], reason[k]
    finite = np.isfinite(v)
    fault = (why & Reason.DEVICE_FAULT) != 0
    over = ((why & Reason.OVER_RANGE) != 0) | (finite & (v > range_high[k]))
    under = ((why & Reason.UNDER_RANGE) != 0) | (finite & (v < range_low[k]))
    top = ~fault & over & program.has_high[r]
    bottom = ~fault & ~top & under & program.has_low[r]
    value[k] = np.where(top, program.full_high[r], np.where(bottom, program.full_low[r], v))
    quality[k] = np.where(top | bottom, Quality.UNCERTAIN, Quality.BAD)
    numberless = ~(finite | over | under | fault | ((why & Reason.NULL_VALUE) != 0))
    why = why | np.where(over, np.uint16(Reason.OVER_RANGE), np.uint16(0))
    why |= np.where(under, np.uint16(Reason.UNDER_RANGE), np.uint16(0))
    why |= np.where(numberless, np.uint16(Reason.NON_FINITE), np.uint16(0))
    reason[k] = why
    return value, quality, reason


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


class Lapse(NamedTuple):
    """A live reading found a newest time of its sensor that cannot have been; it is void now."""

    row: int
    """Of the reading."""
    latest: int
    """What is later than this is void with it, µs."""
    by: int
    """How far the void time lies after the reading's, µs."""


def order(
    newest: Newest,
    row: NDArray[np.intp],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    message: NDArray[np.int32],
    latest: Latest,
    *,
    candidate: NDArray[np.bool_],
    kept: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint16], list[Lapse]]:
    """Which of n readings are live, which are fresh, and why the others are not live.

    Args:
        newest: what is known of each sensor.
        row: of each reading's sensor.
        time: event time as given.
        value: as given.
        message: of each reading, its row in `latest`.
        latest: the latest times there can be.
        candidate: young enough to be judged live.
        kept: to be stored.

    Returns:
        live: a candidate newer than every candidate of its sensor before it, void ones left out.
        fresh: kept, and newer than everything of its sensor kept before it.
        why: uint16, DUPLICATE, CORRECTION or STRAGGLER for a candidate that is not live.
        lapses: in arrival order.
    """
    count = len(row)
    place = np.arange(count)
    seen = np.empty(len(newest.time), np.intp)
    seen[row] = place
    if np.array_equal(seen[row], place):  # no sensor twice
        before, kept_before, last = newest.time[row], newest.kept[row], newest.value[row]
        live = candidate & (time > before)
    else:
        # Small numbers sort by radix, which is several times faster.
        key = row.astype(np.uint16) if len(newest.time) <= 1 << 16 else row
        by_sensor = np.argsort(key, kind="stable")
        back = np.empty(count, np.intp)
        back[by_sensor] = place
        r, t, c = row[by_sensor], time[by_sensor], candidate[by_sensor]
        begin = _group_begin(r)
        ahead = _running_max_before(np.where(c, t, NEVER), begin, newest.time[r])
        kept_ahead = _running_max_before(np.where(kept[by_sensor], t, NEVER), begin, newest.kept[r])
        alive = c & (t > ahead)
        mark = np.maximum.accumulate(np.where(alive, place, -1))
        mark = np.concatenate(([-1], mark[:-1]))
        predecessor = np.where(mark >= begin, value[by_sensor][mark], newest.value[r])
        live, before, kept_before = alive[back], ahead[back], kept_ahead[back]
        last = predecessor[back]
    fresh = kept & (time > kept_before)
    lapses: list[Lapse] = []
    doubted = np.flatnonzero(candidate & (before > latest.near[message]))
    if len(doubted):
        void = before[doubted] > latest.of(message[doubted], time[doubted])
        if void.any():
            # Up to its first void time what was found for a sensor is right; hence all of it anew.
            walked = np.zeros(len(newest.time), np.bool_)
            walked[row[doubted[void]]] = True
            index = np.flatnonzero(walked[row] & candidate)
            highest = latest.of(message[index], time[index])
            lapses = _walk(newest, row, time, value, index, highest, _Found(live, before, last))
    why = np.zeros(count, np.uint16)
    if not np.array_equal(live, candidate):
        idle = candidate & ~live
        same = (value == last) | (np.isnan(value) & np.isnan(last))
        why[idle & (time < before)] = Reason.STRAGGLER
        why[idle & (time == before)] = Reason.CORRECTION
        why[idle & (time == before) & same] = Reason.DUPLICATE
    return live, fresh, why, lapses


class _Found(NamedTuple):
    """Of n readings: whether they are live, and time and value of the newest before them."""

    live: NDArray[np.bool_]
    before: NDArray[np.int64]
    last: NDArray[np.float64]


def _walk(
    newest: Newest,
    row: NDArray[np.intp],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    index: NDArray[np.intp],
    latest: NDArray[np.int64],
    found: _Found,
) -> list[Lapse]:
    """The readings at `index` one by one; writes what they found."""
    lapses: list[Lapse] = []
    known: dict[int, tuple[int, float]] = {}
    columns = (column.tolist() for column in (index, row[index], time[index], value[index], latest))
    for k, sensor, t, v, highest in zip(*columns, strict=True):
        ahead, before_it = known.get(sensor) or (
            int(newest.time[sensor]),
            float(newest.value[sensor]),
        )
        found.before[k], found.last[k] = ahead, before_it
        void = ahead > highest
        found.live[k] = void or t > ahead
        if void:
            lapses.append(Lapse(k, highest, ahead - t))
        if found.live[k]:
            known[sensor] = t, v
    return lapses


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
