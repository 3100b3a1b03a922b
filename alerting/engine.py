"""The judge: a pure function from (program, state, entry) to (state, what changed).

Everything a result depends on is an argument: no clock, no settings, no I/O. `docs/judging.md`
says what is judged and why; this file is the order in which it happens.

    step   messages and readings in arrival order
    tick   one second of server time: delays that end in silence, staleness, shelves, re-alarms
    act    one act of one person

**The law.** However a stream is cut into batches, the transitions are the same. It holds because
the work on a batch is of two kinds. What every reading needs is done for whole columns, and is
per sensor either independent of the other readings or a running maximum. What changes something
is done one by one, in arrival order: a message of a silent gateway, a clock sample that matters,
a reading outside its sensor's window, or one that finds a void time ahead of it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.alarms import Act, Refusal
from alerting.arrival import FUTURE_US, ages
from alerting.batch_readings import BatchReadings
from alerting.clock_alarms import judge_clock, note_ahead, note_future
from alerting.clocks import TOLERANCE_US, Clocks, observe_clocks
from alerting.conditions import ACTIVE, PENDING
from alerting.judgement import Cause, Judgement
from alerting.lifecycle import NO_COVER, acted, moved, refused, unshelved
from alerting.outcome import Outcome, Verdict
from alerting.program import HIGH_SLOTS, Program
from alerting.readings import rest
from alerting.silence import end_gateway_silence, notice_silence
from alerting.state import Draft, State
from domain.entries import Tick
from domain.readings import MICROSECONDS, ReadingBatch

DEAF_US: Final = 60_000_000
"""A delay waits no longer than this for ingest to be connected and caught up again."""


def step(
    program: Program, state: State, batch: ReadingBatch, *, position: int = 0
) -> tuple[State, Outcome]:
    """Judge a batch of readings.

    Args:
        program: the limits and who is judged by them.
        state: from `initial_state`, `carry_over`, `State.from_bytes` or an earlier turn, under
            this very program; left untouched.
        batch: n readings and their messages, in arrival order.
        position: of the batch in the journal. Alarms raised here are named by it, so entries
            that raise alarms need positions of their own.

    Returns:
        The next state, and an outcome with a verdict of n rows.
    """
    draft = Draft(state)
    outcome = advance(program, draft, batch, position)
    return draft.freeze(), outcome


def tick(program: Program, state: State, tick: Tick, *, position: int = 0) -> tuple[State, Outcome]:
    """Let one second of server time pass."""
    draft = Draft(state)
    outcome = advance_tick(program, draft, tick, position)
    return draft.freeze(), outcome


def act(program: Program, state: State, act: Act, *, position: int = 0) -> tuple[State, Outcome]:
    """Judge an operator's act. An illegal one changes nothing and is answered by a refusal."""
    draft = Draft(state)
    outcome = advance_act(program, draft, act, position)
    return draft.freeze(), outcome


# -- batches -------------------------------------------------------------------------------------


def advance(program: Program, draft: Draft, batch: ReadingBatch, position: int) -> Outcome:
    """`step`, written into a draft."""
    work = Judgement(program, draft, position)
    clocks = observe_clocks(program, draft, batch)
    count = len(batch)
    verdict = Verdict(
        quality=batch.quality.copy(),
        reason=batch.reason.copy(),
        kept=np.zeros(count, np.bool_),
        live=np.zeros(count, np.bool_),
        fresh=np.zeros(count, np.bool_),
        age=ages(batch, clocks.offset),
    )
    _hear(draft, clocks.row)
    _judge_messages(work, batch, clocks, verdict)
    return work.outcome(verdict)


def _hear(draft: Draft, row: NDArray[np.intp]) -> None:
    """Every gateway with a message has been heard (its silence ends where the message stands)."""
    known = row[row >= 0]
    if len(known):
        draft.own_gateways().heard[known] = draft.listened


def _judge_messages(work: Judgement, batch: ReadingBatch, clocks: Clocks, verdict: Verdict) -> None:
    """Judge the messages of a batch and the readings in them."""
    readings = BatchReadings(work, batch, verdict, clocks.offset)
    events: list[_Event] = [(place, _READING, place) for place in readings.take()]
    events += _messages_that_matter(work, batch, clocks, readings.future)
    events += _first_of_message(batch, clocks, readings.future)
    received = batch.messages.received
    for _, what, index in sorted(events):
        if what == _READING:
            readings.judge(index)
            continue
        message = index if what == _MESSAGE else int(batch.message[index])
        gateway, at = int(clocks.row[message]), int(received[message])
        if what == _FUTURE:
            note_future(work, gateway, int(verdict.age[index]), at)
            continue
        if work.draft.gateways.stale[gateway]:
            end_gateway_silence(work, gateway, at)
        if clocks.lead[message] > -FUTURE_US:
            note_ahead(work, gateway, int(clocks.lead[message]), at)
        if clocks.steady[message]:
            judge_clock(work, gateway, int(clocks.offset[message]), at)


_MESSAGE, _FUTURE, _READING = 0, 1, 2
_Event = tuple[int, int, int]
"""Row of the (first) reading, what it is, and the message or reading concerned."""


def _messages_that_matter(
    work: Judgement, batch: ReadingBatch, clocks: Clocks, future: NDArray[np.intp]
) -> list[_Event]:
    """Messages that may end a silence or move a clock alarm."""
    gateways = work.draft.gateways
    row, steady = clocks.row, clocks.steady
    # Row -1, an unknown gateway, points at the last place: neither stale nor suspect.
    stale, suspect = np.append(gateways.stale, False), np.append(gateways.wrong, False)
    ahead = (row >= 0) & (clocks.lead > -FUTURE_US)
    suspect[row[batch.message[future]]] = True
    # One that goes wrong in this very batch may be right again before its end.
    suspect[row[ahead | (steady & (np.abs(clocks.offset) > TOLERANCE_US))]] = True
    suspect[-1] = False
    chosen = np.flatnonzero(ahead | stale[row] | (steady & suspect[row]))
    place = np.searchsorted(batch.message, chosen)
    return [(p, _MESSAGE, m) for p, m in zip(place.tolist(), chosen.tolist(), strict=True)]


def _first_of_message(
    batch: ReadingBatch, clocks: Clocks, future: NDArray[np.intp]
) -> list[_Event]:
    """The first future reading of each message of a known gateway."""
    if not len(future):
        return []
    message = batch.message[future]
    firsts = np.concatenate(([True], message[1:] != message[:-1]))
    chosen = future[firsts & (clocks.row[message] >= 0)]
    return [(k, _FUTURE, k) for k in chosen.tolist()]


# -- ticks ---------------------------------------------------------------------------------------


def advance_tick(program: Program, draft: Draft, tick: Tick, position: int) -> Outcome:
    """`tick`, written into a draft."""
    work = Judgement(program, draft, position)
    draft.listening = tick.listening
    draft.deaf = 0 if tick.listening else draft.deaf + MICROSECONDS
    if tick.listening or draft.deaf >= DEAF_US:
        _end_delays(work, tick.now)
    if tick.listening:
        draft.listened += MICROSECONDS
        notice_silence(work, tick.now)
    _end_shelves_and_rests(work, tick.now)
    return work.outcome()


def _end_delays(work: Judgement, now: int) -> None:
    """On-delays that ended while nothing came: the last value that could be judged holds.

    Asked only while ingest listens, because a reading that ends the delay otherwise may be on its
    way to us; but after `DEAF_US` of not listening no longer waited for.
    """
    conditions = work.draft.conditions
    rows, slots = np.nonzero(conditions.state.T == PENDING)
    if not len(rows):
        return
    newest = work.draft.newest
    delay = work.program.on_delay[slots, rows]
    passed = newest.time[rows] - conditions.since[slots, rows]
    ripe = now >= newest.received[rows] + delay - passed
    for row, slot in zip(rows[ripe].tolist(), slots[ripe].tolist(), strict=True):
        conditions = work.draft.own_conditions()
        time = int(conditions.since[slot, row] + work.program.on_delay[slot, row])
        cause = Cause(time, now, float(newest.held[row]))
        conditions.state[slot, row] = ACTIVE
        conditions.since[slot, row] = time
        rest(work.program, conditions, row)
        limit = float(work.program.setpoint[slot, row])
        work.condition(row, slot, PENDING, ACTIVE, cause, limit)
        work.settle(row, "high" if slot in HIGH_SLOTS else "low", cause)


def _end_shelves_and_rests(work: Judgement, now: int) -> None:
    realarm = work.program.timing.realarm_us
    cause = Cause(now, now)
    for each in list(work.draft.alarms.values()):
        alarm = each
        if alarm.shelved_until is not None and now >= alarm.shelved_until:
            after = unshelved(alarm, work.cover_of(alarm))
            alarm = work.change("shelf_expired", alarm, after, cause)
        if realarm and alarm.state == "acknowledged":
            rested = now - (alarm.acknowledged_at or now)
            if rested >= realarm:
                work.change("realarm", alarm, moved(alarm, "realarm", NO_COVER), cause)


# -- acts ----------------------------------------------------------------------------------------


def advance_act(program: Program, draft: Draft, act: Act, position: int) -> Outcome:
    """`act`, written into a draft."""
    alarm = draft.alarms.get(act.alarm)
    if alarm is None:
        return Outcome(refusal=Refusal(act=act.id, code="unknown_alarm", alarm=None))
    code = refused(alarm, act, program.timing.max_shelf_us)
    if code is not None:
        return Outcome(refusal=Refusal(act=act.id, code=code, alarm=alarm))
    work = Judgement(program, draft, position)
    after = acted(alarm, act, work.cover_of(alarm))
    cause = Cause(act.at, act.at, actor=act.actor, note=act.note or None)
    work.change(act.verb, alarm, after, cause)
    return work.outcome()
