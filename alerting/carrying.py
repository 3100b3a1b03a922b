"""From one program to the next, without losing what is under way.

A condition is known by its sensor and level. An unchanged limit keeps its machine, pending clock
included. Under a changed one a pending delay goes on if the newest value exceeds it too (from its
begin, or from the newest reading where the set-point has moved), and an active condition stays
active until a good reading says otherwise: an edit must never silence by itself. A limit that is
gone takes its condition with it; a sensor or gateway that is gone closes its alarms. A latch that
is given holds what is active already; one that is taken away releases nothing.
"""

from __future__ import annotations

from dataclasses import fields

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.alarms import Family
from alerting.conditions import ACTIVE, CLEARING, NORMAL, PENDING, is_exceeded, windows
from alerting.judgement import Cause, Judgement
from alerting.lifecycle import Cover
from alerting.outcome import Outcome
from alerting.program import Program
from alerting.state import Columns, Draft, State, initial_state


def carry_over(
    old: Program, new: Program, state: State, *, at: int, position: int = 0
) -> tuple[State, Outcome]:
    """The state under the new program, and what the edit itself changed.

    Args:
        old: the program in force.
        new: the program to come.
        state: under `old`; left untouched.
        position: of the edit in the journal.
        at: server time of the edit, int64 µs UTC.
    """
    empty = initial_state(new, listened=state.listened)
    was = old.sensors.rows(new.sensor)
    now = np.flatnonzero(was >= 0)
    was = was[now]
    was_gateway = old.gateways.rows(new.gateway)
    now_gateway = np.flatnonzero(was_gateway >= 0)
    carried = State(
        sensor=new.sensor,
        gateway=new.gateway,
        newest=_carried(state.newest, empty.newest, was, now),
        conditions=_carried(state.conditions, empty.conditions, was, now),
        gateways=_carried(state.gateways, empty.gateways, was_gateway[now_gateway], now_gateway),
        listened=state.listened,
        listening=state.listening,
        deaf=state.deaf,
        alarms=state.alarms,
        open=state.open,
    )
    work = Judgement(new, Draft(carried), position)
    cause = Cause(at, at)
    _close_the_gone(work, cause)
    _move_conditions(work, old, was, now, cause)
    conditions = work.draft.own_conditions()
    low, high, until = windows(new, conditions.state, conditions.since, conditions.stale)
    conditions.low[:], conditions.high[:], conditions.until[:] = low, high, until
    _move_covers(work, old, cause)
    return work.draft.freeze(), work.outcome()


def _carried(
    before: Columns,
    empty: Columns,
    was: NDArray[np.intp],
    now: NDArray[np.intp],
) -> Columns:
    for field in fields(empty):
        column = getattr(empty, field.name)
        by_row = field.name in {"sample", "sampled"} or column.ndim == 1
        source = getattr(before, field.name)
        if by_row:
            column[now] = source[was]
        else:
            column[:, now] = source[:, was]
    return empty


def _close_the_gone(work: Judgement, cause: Cause) -> None:
    program = work.program
    for alarm in list(work.draft.alarms.values()):
        if alarm.sensor is None:
            gone = program.gateways.row(alarm.gateway) < 0
        else:
            gone = program.sensors.row(alarm.sensor) < 0
        if gone:
            after = msgspec.structs.replace(
                alarm, state="normal", active=False, latched=False, shelved_until=None
            )
            work.change("close", alarm, after, cause)


def _move_conditions(
    work: Judgement,
    old: Program,
    was: NDArray[np.intp],
    now: NDArray[np.intp],
    cause: Cause,
) -> None:
    new, conditions = work.program, work.draft.own_conditions()
    same = old.present[:, was] & new.present[:, now]
    for name in ("setpoint", "release", "on_delay", "off_delay"):
        same &= getattr(old, name)[:, was] == getattr(new, name)[:, now]
    state = conditions.state[:, now]
    touched = ~same & (state != NORMAL)
    # What is active is settled even if nothing of it was touched: its latch may have been.
    lively = touched | (state == ACTIVE) | (state == CLEARING)
    for place in np.flatnonzero(lively.any(axis=0)).tolist():
        row = int(now[place])
        families: list[Family] = []
        for slot in np.flatnonzero(lively[:, place]).tolist():
            if touched[slot, place]:
                setpoint = float(old.setpoint[slot, was[place]])
                before = int(conditions.state[slot, row])
                after = _move_condition(work, row, slot, setpoint)
                if after != before:
                    work.condition(row, slot, before, after, cause, setpoint)
            families.append("high" if slot < 2 else "low")
        for family in dict.fromkeys(families):
            work.settle(row, family, cause)


def _move_condition(work: Judgement, row: int, slot: int, setpoint: float) -> int:
    """Move a condition that is not normal to its changed limit; returns the state it is in then.

    Args:
        setpoint: of the limit until now.
    """
    new, conditions, newest = work.program, work.draft.own_conditions(), work.draft.newest
    after = NORMAL
    if new.present[slot, row]:
        now = float(new.setpoint[slot, row])
        if conditions.state[slot, row] != PENDING:
            after = ACTIVE
        elif is_exceeded(slot, float(newest.held[row]), now):
            after = PENDING
            if now != setpoint:
                conditions.since[slot, row] = newest.time[row]
    conditions.state[slot, row] = after
    return after


def _move_covers(work: Judgement, old: Program, cause: Cause) -> None:
    """Alarms of sensors that were put out of service or suppressed by the edit, or freed."""
    for alarm in list(work.draft.alarms.values()):
        if alarm.sensor is None:
            continue
        now = work.cover_of(alarm)
        muted = alarm.family == "stale" and bool(
            work.draft.conditions.muted[work.program.sensors.row(alarm.sensor)]
        )
        row = old.sensors.row(alarm.sensor)
        before = Cover(bool(old.out_of_service[row]), muted or bool(old.suppressed[row]))
        standing = alarm
        for event, cover in _steps(before, now):
            standing = work.cover(standing, event, cover, cause)


def _steps(before: Cover, now: Cover) -> list[tuple[str, Cover]]:
    """The covers laid, then those lifted, so that nothing rings for a moment between two."""
    steps: list[tuple[str, Cover]] = []
    cover = before
    if now.out_of_service and not before.out_of_service:
        cover = cover._replace(out_of_service=True)
        steps.append(("out_of_service", cover))
    if now.suppressed != before.suppressed:
        cover = cover._replace(suppressed=now.suppressed)
        steps.append(("suppress" if now.suppressed else "unsuppress", cover))
    if before.out_of_service and not now.out_of_service:
        steps.append(("in_service", now))
    return steps
