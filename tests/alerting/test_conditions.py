"""The window of a sensor, written row by row or for all rows at once, is the same and is right."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from alerting import Configuration, Limit, SensorSpec, compile_program, initial_state
from alerting.conditions import (
    FOREVER,
    NEVER,
    advance_condition,
    is_exceeded,
    is_returned,
    windows,
)
from alerting.program import LEVELS
from alerting.readings import rest
from alerting.state import Draft

STATES = list(product(range(4), repeat=4))
SETPOINTS = {"HH": 50.0, "H": 25.0, "L": 10.0, "LL": 5.0}


def spec(number: int, levels: str) -> SensorSpec:
    limits = tuple(
        Limit(level=level, setpoint=SETPOINTS[level], deadband=2, on_delay_us=7, off_delay_us=9)
        for level in LEVELS
        if f" {level} " in levels
    )
    return SensorSpec(id=number, gateway=1, period_us=1, limits=limits)


@pytest.mark.parametrize("levels", [" HH H L LL ", " H L ", " HH LL ", " H ", "  "])
def test_both_ways_of_writing_windows_agree_in_every_state(levels: str) -> None:
    program = compile_program(
        Configuration(sensors={n: spec(n, levels) for n in range(len(STATES))})
    )
    conditions = Draft(initial_state(program)).own_conditions()
    conditions.state[:] = np.where(program.present, np.array(STATES).T, 0)
    conditions.since[:] = np.arange(len(STATES)) * 10
    conditions.stale[::7] = True
    low, high, until = windows(program, conditions.state, conditions.since, conditions.stale)
    for row in range(len(STATES)):
        rest(program, conditions, row)
    np.testing.assert_array_equal(conditions.low, low)
    np.testing.assert_array_equal(conditions.high, high)
    np.testing.assert_array_equal(conditions.until, until)
    assert set(until[::7].tolist()) == {NEVER}


@pytest.mark.parametrize("good", [True, False])
def test_a_reading_moves_a_machine_only_outside_the_window(good: bool) -> None:
    program = compile_program(
        Configuration(sensors={n: spec(n, " HH H L LL ") for n in range(len(STATES))})
    )
    state = np.array(STATES, np.uint8).T.copy()
    since = np.full_like(state, 100, np.int64)
    low, high, until = windows(program, state, since, np.zeros(len(STATES), np.bool_))
    edges = sorted(
        {
            step
            for level, setpoint in SETPOINTS.items()
            for edge in (setpoint, setpoint + (2 if level in {"L", "LL"} else -2))
            for step in (edge, np.nextafter(edge, -np.inf), np.nextafter(edge, np.inf))
        }
    )
    for row, value, time in product(range(len(STATES)), edges, (100, 106, 107, 108, 109)):
        inside = low[row] <= value <= high[row] and time < until[row]
        moved = any(
            advance_condition(
                STATES[row][slot],
                100,
                exceeded=is_exceeded(slot, value, program.setpoint[slot, row]),
                returned=is_returned(slot, value, program.release[slot, row]),
                may_clear=good,
                time=time,
                on_delay=7,
                off_delay=9,
            )[0]
            != STATES[row][slot]
            for slot in range(4)
        )
        assert not (inside and moved), (STATES[row], value, time)


def test_a_sensor_without_limits_rests_for_ever() -> None:
    program = compile_program(Configuration(sensors={1: spec(1, "")}))
    conditions = initial_state(program).conditions
    assert (conditions.low[0], conditions.high[0]) == (-np.inf, np.inf)
    assert conditions.until[0] == FOREVER
