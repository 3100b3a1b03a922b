"""States go to bytes and back, whatever stream made them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting import Configuration, State, compile_program, initial_state
from tests.alerting.law import by_judge, stream
from tests.alerting.play import columns_equal, sensor


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
def test_a_state_comes_back_whole_and_goes_on_the_same(seed: int, count: int) -> None:
    program, entries = stream(seed, count)
    half = len(entries) // 2
    _, state = by_judge(program, entries[:half])
    again = State.from_bytes(state.to_bytes(), program)
    assert again.to_bytes() == state.to_bytes()
    assert (dict(again.alarms), dict(again.open)) == (dict(state.alarms), dict(state.open))
    for name in ("newest", "conditions", "gateways"):
        assert columns_equal(getattr(again, name), getattr(state, name))
    rest = entries[half:]
    run, end = by_judge(program, rest, state=state, position=half)
    other, other_end = by_judge(program, rest, state=again, position=half)
    assert run == other
    assert end.to_bytes() == other_end.to_bytes()


def saved() -> tuple[State, bytes]:
    state = initial_state(compile_program(Configuration(sensors={1: sensor(1)})))
    return state, state.to_bytes()


def test_a_state_of_another_configuration_is_refused() -> None:
    other = compile_program(Configuration(sensors={2: sensor(2)}))
    with pytest.raises(ValueError, match="another configuration"):
        State.from_bytes(saved()[1], other)


def test_a_state_that_lacks_a_column_is_refused() -> None:
    _, payload = saved()
    short = msgspec.msgpack.decode(payload)
    del short["newest"]["held"]
    program = compile_program(Configuration(sensors={1: sensor(1)}))
    with pytest.raises(ValueError, match="column 'held': 0 bytes, not 8"):
        State.from_bytes(msgspec.msgpack.encode(short), program)


def test_a_state_of_another_schema_is_refused() -> None:
    _, payload = saved()
    newer = msgspec.msgpack.decode(payload) | {"schema": 99}
    program = compile_program(Configuration(sensors={1: sensor(1)}))
    with pytest.raises(ValueError, match="schema 99"):
        State.from_bytes(msgspec.msgpack.encode(newer), program)


def test_damage_is_refused() -> None:
    program = compile_program(Configuration(sensors={1: sensor(1)}))
    with pytest.raises(ValueError, match="cannot be read"):
        State.from_bytes(saved()[1][:-3], program)
