"""One reading at a time: what happens where a reading falls outside its sensor's window."""

from __future__ import annotations

from math import inf, nextafter

from alerting.alarms import Family
from alerting.arrival import AT_WORK, JUDGED
from alerting.conditions import (
    ACTIVE,
    FOREVER,
    NEVER,
    NORMAL,
    PENDING,
    advance_condition,
    is_exceeded,
    is_returned,
)
from alerting.judgement import Cause, Judgement
from alerting.program import Program
from alerting.silence import end_sensor_silence
from alerting.state import Conditions
from domain.readings import Quality


def judge_reading(work: Judgement, row: int, value: float, quality: int, cause: Cause) -> None:
    """Judge one live reading.

    An uncertain one is judged like a good one, except that it cannot clear. One taken while
    somebody is at work on the sensor ends a pending delay, and changes nothing else. A bad one
    changes nothing.
    """
    conditions = work.draft.own_conditions()
    if conditions.stale[row]:
        end_sensor_silence(work, row, cause.decided)
        rest(work.program, conditions, row)
    inside = conditions.low[row] <= value <= conditions.high[row]
    if JUDGED[quality]:
        if inside and cause.time < conditions.until[row]:
            return
    elif not AT_WORK[quality] or conditions.until[row] == FOREVER:
        return
    _move(work, conditions, row, value, quality, cause)


def _move(
    work: Judgement, conditions: Conditions, row: int, value: float, quality: int, cause: Cause
) -> None:
    program = work.program
    judged = bool(JUDGED[quality])
    # One conversion a column: single elements of arrays cost more than the whole machine.
    present = program.present[:, row].tolist()
    states = conditions.state[:, row].tolist()
    sinces = conditions.since[:, row].tolist()
    setpoints = program.setpoint[:, row].tolist()
    releases = program.release[:, row].tolist()
    on_delays = program.on_delay[:, row].tolist()
    off_delays = program.off_delay[:, row].tolist()
    moved: list[Family] = []
    for slot in range(4):
        if not present[slot]:
            continue
        before, since, setpoint = states[slot], sinces[slot], setpoints[slot]
        if judged:
            after, since = advance_condition(
                before,
                since,
                exceeded=is_exceeded(slot, value, setpoint),
                returned=is_returned(slot, value, releases[slot]),
                may_clear=quality == Quality.GOOD,
                time=cause.time,
                on_delay=on_delays[slot],
                off_delay=off_delays[slot],
            )
        else:
            after = NORMAL if before == PENDING else before
        if after != before:
            conditions.state[slot, row] = states[slot] = after
            conditions.since[slot, row] = sinces[slot] = since
            work.condition(row, slot, before, after, cause, setpoint)
            moved.append("high" if slot < 2 else "low")
    if moved:
        rest(program, conditions, row)
        for family in dict.fromkeys(moved):
            work.settle(row, family, cause)


def rest(program: Program, conditions: Conditions, row: int) -> None:
    """Write the window of one sensor anew; the same as `conditions.windows`, for one row."""
    low, high, until = -inf, inf, FOREVER
    present = program.present[:, row].tolist()
    states = conditions.state[:, row].tolist()
    setpoints = program.setpoint[:, row].tolist()
    releases = program.release[:, row].tolist()
    for slot in range(4):
        if not present[slot]:
            continue
        state = states[slot]
        edge = setpoints[slot] if state <= PENDING else releases[slot]
        if (state in {PENDING, ACTIVE}) == (slot < 2):
            low = max(low, edge if slot < 2 else nextafter(edge, inf))
        else:
            high = min(high, nextafter(edge, -inf) if slot < 2 else edge)
        if state not in {NORMAL, ACTIVE}:
            delays = program.on_delay if state == PENDING else program.off_delay
            until = min(until, int(conditions.since[slot, row]) + int(delays[slot, row]))
    conditions.low[row], conditions.high[row] = low, high
    conditions.until[row] = NEVER if conditions.stale[row] else until
