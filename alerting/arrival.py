"""What each reading of a batch counts for, before any limit is asked.

Two questions, each answered for whole columns: how old is it, and what is its value worth. (Whether
it is the newest of its sensor says `alerting.order`.) The rules are the contract's, under "Time,
lateness, range". Nearly every batch holds nothing out of the ordinary, so each function looks for
that first.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.program import Program
from domain.readings import NO_TIME, Quality, ReadingBatch, Reason

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
_FLAGGED: Final = int(Reason.OVER_RANGE | Reason.UNDER_RANGE | Reason.DEVICE_FAULT)


def ages(batch: ReadingBatch, offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Age of the n readings of a batch, µs.

    By the gateway's own clock where it said when it sent, else by ours less its offset. If
    that is out of the live window, but the plain difference of the clocks is not, the plain one
    holds: a correction must never silence.

    Args:
        offset: int64 (m,), offset in force for each message.
    """
    sent, received = batch.messages.sent, batch.messages.received
    now = np.where(sent != NO_TIME, sent, received - offset)
    age = now[batch.message] - batch.time
    if not batch.reason.any() and _within(age, FUTURE_US, OLD_US):
        return age
    plain = received[batch.message] - batch.time
    alive = (plain >= FUTURE_US) & (plain <= OLD_US)
    doubted = (age < FUTURE_US) | (age > OLD_US)
    unclocked = (batch.reason & Reason.NO_DEVICE_TIME) != 0
    return np.where(unclocked | (doubted & alive), plain, age)


class Standing(NamedTuple):
    """Which of n readings are live by their age, and which are not.

    Attributes:
        future: not stored; their gateway's clock is wrong.
        history: stored, and not judged live. None of the future.
        why: uint16, `Reason` bits that say so, LATE among them.
    """

    future: NDArray[np.bool_]
    history: NDArray[np.bool_]
    why: NDArray[np.uint16]


def standing(batch: ReadingBatch, age: NDArray[np.int64]) -> Standing:
    """Live, late, history or from the future."""
    count, backfill = len(batch), batch.messages.backfill
    why = np.zeros(count, np.uint16)
    if not (batch.reason.any() or backfill.any()) and _within(age, FUTURE_US, LATE_US):
        return Standing(np.zeros(count, np.bool_), np.zeros(count, np.bool_), why)
    future = age < FUTURE_US
    history = (age > OLD_US) | backfill[batch.message]
    history |= (batch.reason & Reason.HISTORICAL) != 0
    history &= ~future
    why[future] = Reason.FUTURE
    why[history] = Reason.HISTORICAL
    why[(age > LATE_US) & ~history] = Reason.LATE
    return Standing(future, history, why)


def _within(column: NDArray[np.int64], low: int, high: int) -> bool:
    return bool(column.min(initial=high) >= low and column.max(initial=low) <= high)


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
    range_high, range_low = program.range_high[row], program.range_low[row]
    # One look for the many: a NaN is inside no range.
    odd = ~((value <= range_high) & (value >= range_low) & (np.abs(value) < np.inf))
    if reason.any():
        odd |= (reason & _FLAGGED) != 0
    k = np.flatnonzero(odd)
    k = k[JUDGED[quality[k]]]
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
