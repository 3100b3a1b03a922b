"""Whose clock is right: the offset of each gateway's clock, sampled from its own messages.

A sample is receive time minus the gateway's time of sending (else of the newest reading in the
message), taken at most once a second of receive time; the last 20 are kept. The newest samples
that agree make a *steady* offset. They agree when they span at least 10 s and lie within 5 s of
each other; where no two such are, within half of what they span, at most 60 s: a gateway that
gathers readings for a while before it sends has a clock all the same. Anything else (a flushed
backlog, a slow link) is no offset. The offset is the least of them, because a road only delays.
While ingest has not caught up with the broker no sample is taken: what would be measured is our
own delay.

The last steady offset stays **in force** until there is another: one sample that does not agree
is no reason to forget what is known.
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
WIDE_US: Final = 60_000_000
"""Samples further apart never agree, however long they span."""
TOLERANCE_US: Final = 30_000_000
"""A steady offset beyond this is a wrong clock."""
NO_CLOCK: Final = int(Reason.NO_DEVICE_TIME | Reason.HISTORICAL)
"""Readings with these bits say nothing about the gateway's clock."""
_NONE: Final = np.empty(0, np.intp)


class Clocks(NamedTuple):
    """What m messages say of their gateways' clocks.

    Attributes:
        row: intp (m,), row of each message's gateway, or -1.
        offset: int64 (m,), the offset in force for each message, µs; 0 while none is known.
        steady: bool (m,), the message was a sample, and with it the offset is steady.
        lead: int64 (m,), by how much it says it was sent later than it was received, µs, both
            by our clock and less the offset; NEVER where it does not say.
    """

    row: NDArray[np.intp]
    offset: NDArray[np.int64]
    steady: NDArray[np.bool_]
    lead: NDArray[np.int64]


def observe_clocks(program: Program, draft: Draft, batch: ReadingBatch) -> Clocks:
    """Sample the clocks of a batch's gateways, message by message in effect."""
    messages = batch.messages
    row = program.gateways.rows(messages.gateway)
    offset = _in_force(draft)[row]
    steady = np.zeros(len(messages), np.bool_)
    clock = _clock_of_messages(batch)
    waiting = np.flatnonzero((row >= 0) & (clock != NO_TIME)) if draft.listening else _NONE
    while len(waiting):
        # Round by round: of each gateway the first message that is due, then those after it.
        owner = row[waiting]
        since = np.abs(messages.received[waiting] - draft.gateways.sampled[owner, -1])
        due = waiting[(draft.gateways.samples[owner] == 0) | (since >= SAMPLE_EVERY_US)]
        if not len(due):
            break
        first = np.full(len(program.gateway) + 1, len(messages), np.intp)
        first[row[due[::-1]]] = due[::-1]
        chosen = due[first[row[due]] == due]
        waiting = waiting[waiting > first[owner]]
        steady[chosen] = _sample(draft, row[chosen], messages.received[chosen], clock[chosen])
        after = np.flatnonzero(np.arange(len(messages)) >= first[row])
        offset[after] = _in_force(draft)[row[after]]
    lead = messages.sent - messages.received + np.minimum(offset, 0)
    lead[messages.sent == NO_TIME] = NEVER
    return Clocks(row, offset, steady, lead)


def _in_force(draft: Draft) -> NDArray[np.int64]:
    """The offset in force of each gateway, 0 while none is known; and a last 0, for row -1."""
    regime = np.append(draft.gateways.regime, NEVER)
    regime[regime == NEVER] = 0
    return regime


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
    received: NDArray[np.int64],
    clock: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Add one sample to each of k distinct gateways; returns whose offset is steady now."""
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
    steady: NDArray[np.bool_] = offset != NEVER
    gateways.regime[rows[steady]] = offset[steady]
    return steady


def _steady_offset(
    sample: NDArray[np.int64], sampled: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The steady offset of k gateways, or NEVER. Samples (k, SAMPLES), newest first."""
    least = np.minimum.accumulate(sample, axis=1)
    spread = np.maximum.accumulate(sample, axis=1) - least
    span = sampled[:, :1] - sampled
    there = np.arange(SAMPLES) < count[:, None]
    each = np.arange(len(sample))
    last = (there & (spread <= SPREAD_US)).sum(axis=1) - 1
    steady = span[each, last] >= SPAN_US
    if not steady.all():
        allowed = np.minimum(span // 2, WIDE_US)
        wide = there & (span >= SPAN_US) & (spread <= allowed)
        last = np.where(steady, last, SAMPLES - 1 - np.argmax(wide[:, ::-1], axis=1))
        steady |= wide.any(axis=1)
    return np.where(steady, least[each, last], NEVER)
