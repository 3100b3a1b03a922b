"""Whose clock is right: the offset of each gateway's clock, sampled from its own messages.

A sample is receive time minus the gateway's time of sending (else of the newest reading in the
message), taken at most once a second of receive time; the last 20 are kept. The offset is
*steady* when the newest samples that lie within 5 s of each other are at least two and span at
least 10 s; it is then their median. Anything else (a flushed backlog, a slow link) is no offset.
While ingest has not caught up with the broker no sample is taken: what would be measured is our
own delay.

When a clock is set back, its next readings look older than what it said before, and would be
passed over. So a new steady offset more than 30 s above the last one is reported as a `SetBack`:
what is remembered of its sensors moves into the new clock, and they are judged again at once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.conditions import NEVER
from alerting.program import Program
from alerting.state import SAMPLES, Draft
from domain.readings import NO_TIME, ReadingBatch, Reason

SAMPLE_EVERY_US: Final = 1_000_000
SPREAD_US: Final = 5_000_000
SPAN_US: Final = 10_000_000
TOLERANCE_US: Final = 30_000_000
"""A steady offset beyond this is a wrong clock."""
NO_CLOCK: Final = int(Reason.NO_DEVICE_TIME | Reason.HISTORICAL)
"""Readings with these bits say nothing about the gateway's clock."""


class SetBack(NamedTuple):
    """From this message on, the gateway's clock shows `by` µs less than it did."""

    message: int
    gateway: int
    """Row."""
    by: int


class Clocks(NamedTuple):
    """What m messages say of their gateways' clocks.

    Attributes:
        row: intp (m,), row of each message's gateway, or -1.
        offset: int64 (m,), the steady offset that holds for each message, or NEVER.
        sampled: bool (m,), the message was a sample.
        set_back: in the order of messages.
    """

    row: NDArray[np.intp]
    offset: NDArray[np.int64]
    sampled: NDArray[np.bool_]
    set_back: list[SetBack]


def observe_clocks(program: Program, draft: Draft, batch: ReadingBatch) -> Clocks:
    """Sample the clocks of a batch's gateways, message by message in effect."""
    messages = batch.messages
    row = program.gateways.rows(messages.gateway)
    sampled = np.zeros(len(messages), np.bool_)
    known = row >= 0
    offset = np.full(len(messages), NEVER, np.int64)
    offset[known] = draft.gateways.offset[row[known]]
    clock = _clock_of_messages(batch)
    waiting = np.flatnonzero(known & (clock != NO_TIME) & draft.listening)
    set_back: list[SetBack] = []
    first = np.empty(len(program.gateway), np.intp)
    while len(waiting):
        # Round by round: of each gateway the first message that is due. One that is not due now
        # is not due later in the batch either, unless a sample comes between.
        gateways = draft.gateways
        owner = row[waiting]
        since = np.abs(messages.received[waiting] - gateways.sampled[owner, -1])
        waiting = waiting[(gateways.samples[owner] == 0) | (since >= SAMPLE_EVERY_US)]
        if not len(waiting):
            break
        owner = row[waiting]
        first[owner[::-1]] = waiting[::-1]
        chosen = waiting[first[owner] == waiting]
        waiting = waiting[first[owner] != waiting]
        sampled[chosen] = True
        set_back += _sample(draft, row[chosen], chosen, messages.received[chosen], clock[chosen])
        touched = np.zeros(len(program.gateway), np.bool_)
        touched[row[chosen]] = True
        after = np.flatnonzero(known)
        after = after[touched[row[after]]]
        after = after[after >= first[row[after]]]
        offset[after] = draft.gateways.offset[row[after]]
    set_back.sort()
    return Clocks(row, offset, sampled, set_back)


def _clock_of_messages(batch: ReadingBatch) -> NDArray[np.int64]:
    """The gateway's clock in each message: `sent`, else its newest reading, else NO_TIME."""
    messages = batch.messages
    clock = messages.sent.copy()
    silent = (clock == NO_TIME) & ~messages.backfill
    if silent.any():
        rows = np.flatnonzero(silent[batch.message] & (batch.reason & NO_CLOCK == 0))
        np.maximum.at(clock, batch.message[rows], batch.time[rows])
    return clock


def _sample(
    draft: Draft,
    rows: NDArray[np.intp],
    message: NDArray[np.intp],
    received: NDArray[np.int64],
    clock: NDArray[np.int64],
) -> list[SetBack]:
    """Add one sample to each of k distinct gateways."""
    gateways = draft.own_gateways()
    kept = np.empty((2, len(rows), SAMPLES), np.int64)
    kept[0, :, :-1] = gateways.sample[rows, 1:]
    kept[1, :, :-1] = gateways.sampled[rows, 1:]
    kept[0, :, -1] = received - clock
    kept[1, :, -1] = received
    gateways.sample[rows], gateways.sampled[rows] = kept
    count = np.minimum(gateways.samples[rows] + 1, SAMPLES)
    gateways.samples[rows] = count
    offset = _steady_offset(kept[0, :, ::-1], kept[1, :, ::-1], count)
    gateways.offset[rows] = offset
    before = gateways.regime[rows]
    steady = offset != NEVER
    gateways.regime[rows] = np.where(steady, offset, before)
    slipped = steady & (before != NEVER)
    slipped[slipped] = offset[slipped] - before[slipped] > TOLERANCE_US
    return [
        SetBack(int(message[k]), int(rows[k]), int(offset[k] - before[k]))
        for k in np.flatnonzero(slipped)
    ]


def _steady_offset(
    sample: NDArray[np.int64], sampled: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The steady offset of k gateways, or NEVER. Samples (k, SAMPLES), newest first."""
    spread = np.maximum.accumulate(sample, axis=1) - np.minimum.accumulate(sample, axis=1)
    close = (spread <= SPREAD_US) & (np.arange(SAMPLES) < count[:, None])
    length = close.sum(axis=1)
    each = np.arange(len(sample))
    span = sampled[:, 0] - sampled[each, length - 1]
    ordered = np.sort(np.where(close, sample, np.iinfo(np.int64).max), axis=1)
    median = (ordered[each, (length - 1) // 2] + ordered[each, length // 2]) // 2
    return np.where((length >= 2) & (span >= SPAN_US), median, NEVER)
