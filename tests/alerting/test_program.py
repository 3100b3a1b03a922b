"""What people edit becomes columns, or is refused with the place that is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alerting import Configuration, GatewaySpec, Limit, ProgramChange, Timing, compile_program
from alerting.limits import is_beyond
from alerting.program import DENSE_SLACK, RowIndex
from tests.alerting.play import high, high_high, low, sensor


def only(*limits: Limit) -> Configuration:
    return Configuration(sensors={7: sensor(7, *limits)})


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ((high(), high(30)), "limit H: given twice"),
        ((high(math.nan),), "finite"),
        ((high(deadband=math.inf),), "finite"),
        ((high(deadband=-1),), "negative"),
        ((high(on_delay_us=-1),), "negative"),
        ((high(off_delay_us=-1),), "negative"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name(limits: tuple[Limit, ...], words: str) -> None:
    with pytest.raises(ValueError, match=f"sensor 7.*{words}"):
        compile_program(only(*limits))


def test_a_gateway_that_only_a_sensor_names_is_there_with_the_usual_silence() -> None:
    program = compile_program(only())
    assert program.gateway.tolist() == [1]
    assert program.gateway_silence.tolist() == [300_000_000]


@pytest.mark.parametrize("far", [0, 10 * DENSE_SLACK])
def test_ids_are_found_and_strangers_are_not(far: int) -> None:
    ids = np.array([0, 3, 8 + far], np.int32)
    index = RowIndex(ids)
    wanted = np.array([3, 8 + far, 0, 1, -1, -(2**31), 2**31 - 1, 9 + far], np.int32)
    assert index.rows(wanted).tolist() == [1, 2, 0, -1, -1, -1, -1, -1]
    assert [index.row(int(number)) for number in wanted] == [1, 2, 0, -1, -1, -1, -1, -1]


def test_no_ids_find_nothing() -> None:
    index = RowIndex(np.empty(0, np.int32))
    assert index.rows(np.array([1, 2], np.int32)).tolist() == [-1, -1]
    assert index.row(1) == -1


def test_equal_configurations_give_equal_bytes_and_come_back() -> None:
    one = Configuration(sensors={1: sensor(1, high()), 2: sensor(2, low())})
    two = Configuration(sensors={2: sensor(2, low()), 1: sensor(1, high())})
    assert one.to_bytes() == two.to_bytes()
    assert Configuration.from_bytes(one.to_bytes()) == one


def test_a_change_adds_replaces_and_removes() -> None:
    before = Configuration(
        sensors={1: sensor(1), 2: sensor(2)}, gateways={1: GatewaySpec(number=1)}
    )
    change = ProgramChange(
        at=5,
        sensors=(sensor(2, high_high()), sensor(3)),
        gateways=(GatewaySpec(number=4),),
        removed_sensors=(1, 99),
        removed_gateways=(1, 99),
        timing=Timing(realarm_us=7),
    )
    after = ProgramChange.from_bytes(change.to_bytes()).applied_to(before)
    assert set(after.sensors) == {2, 3}
    assert after.sensors[2].limits == (high_high(),)
    assert set(after.gateways) == {4}
    assert after.timing.realarm_us == 7
    assert change.applied_to(after) == after


def test_a_full_change_leaves_nothing_of_before_but_the_timing() -> None:
    before = Configuration(sensors={1: sensor(1)}, timing=Timing(realarm_us=7))
    after = ProgramChange(at=5, full=True, sensors=(sensor(2),)).applied_to(before)
    assert (set(after.sensors), after.timing.realarm_us) == ({2}, 7)


@pytest.mark.parametrize(
    ("family", "value", "limit", "beyond"),
    [
        ("high", 25.0, 25.0, True),
        ("high", 24.9, 25.0, False),
        ("low", 5.0, 5.0, True),
        ("low", 5.1, 5.0, False),
        ("high", None, 25.0, False),
        ("stale", None, 300.0, True),
        ("high", 1.0, None, True),
    ],
)
def test_a_value_is_beyond_a_limit_on_the_limits_own_side(
    family: str, value: float | None, limit: float | None, beyond: bool
) -> None:
    assert is_beyond(family, value, limit) is beyond
