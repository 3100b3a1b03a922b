"""An edit of limits or sensors loses nothing that is under way, and never silences by itself."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from alerting import Configuration, Limit, SensorSpec, Transition, carry_over, compile_program
from tests.alerting.play import T0, Play, S, high, high_high, low, sensor, short


def edit(play: Play, *sensors: SensorSpec) -> list[str]:
    """Replace all sensors; returns what the edit itself changed."""
    gateways = {s.gateway: play.program.configuration.gateways[s.gateway] for s in sensors}
    configuration = Configuration(
        sensors={s.id: s for s in sensors}, gateways=gateways, timing=play.program.timing
    )
    program = compile_program(configuration)
    play.position += 1
    play.state, play.outcome = carry_over(
        play.program, program, play.state, at=T0 + 1000 * S, position=play.position
    )
    play.program = program
    return play.told


def told(play: Play) -> tuple[Transition, ...]:
    return play.outcome.transitions


def test_an_unchanged_limit_keeps_its_pending_clock() -> None:
    watched = sensor(1, high(on_delay_us=10 * S))
    play = Play(watched)
    play.read(0, 30)
    assert edit(play, sensor(0, low()), watched, sensor(2)) == []
    play.read(10, 30)
    assert play.told == ["H pending>active", "raise normal>unacknowledged"]


def test_another_source_or_latch_is_not_another_limit() -> None:
    play = Play(sensor(1, high(on_delay_us=10 * S)))
    play.read(0, 30)
    assert edit(play, sensor(1, high(on_delay_us=10 * S, source="new", latch=True))) == []
    play.read(10, 30)
    assert (play.alarm().source, play.alarm().latched) == ("new", True)


@pytest.mark.parametrize(
    ("changed", "rings_at"),
    [
        (high(deadband=1, on_delay_us=30 * S), 30),
        (high(on_delay_us=30 * S, off_delay_us=5 * S), 30),
        (high(on_delay_us=40 * S), 40),
        (high(on_delay_us=20 * S), 20),
        (high(), 10),
        (high(26, on_delay_us=30 * S), 35),
        (high(90, on_delay_us=30 * S), 35),
    ],
)
@pytest.mark.parametrize("dies", [True, False])
def test_a_pending_alarm_rings_after_an_edit_whether_or_not_the_sensor_lives(
    changed: Limit, rings_at: int, dies: bool
) -> None:
    play = Play(sensor(1, high(on_delay_us=30 * S)))
    play.read(0, 90)
    play.read(5, 90)
    assert edit(play, sensor(1, changed)) == []
    found = []
    for now in range(10, 60, 5):
        if not dies:
            play.read(now, 90)
            found += [now for text in play.told if text == "H pending>active"]
        play.tick(now)
        found += [now for text in play.told if text == "H pending>active"]
    assert found == [rings_at]


@pytest.mark.parametrize("changed", [(high(91, on_delay_us=30 * S),), ()])
def test_a_pending_alarm_whose_new_limit_is_not_exceeded_ends(changed: tuple[Limit, ...]) -> None:
    play = Play(sensor(1, high(on_delay_us=30 * S)))
    play.read(0, 90)
    assert edit(play, sensor(1, *changed)) == ["H pending>normal"]
    assert not play.wait(1, 100)


@pytest.mark.parametrize("changed", [high(26, on_delay_us=30 * S), high(on_delay_us=20 * S)])
def test_an_edit_goes_by_the_last_value_that_could_be_judged(changed: Limit) -> None:
    play = Play(sensor(1, high(on_delay_us=30 * S)))
    play.read(0, 90)
    play.read(5, float("nan"))
    assert edit(play, sensor(1, changed)) == []
    assert short(play.wait(6, 35))[0] == "H pending>active"


def test_an_edit_neither_ends_our_deafness_nor_begins_it_anew() -> None:
    play = Play(sensor(1, high(on_delay_us=10 * S)), sensor(2))
    play.read(0, 90)
    assert not play.wait(1, 40, listening=False)
    assert edit(play, sensor(1, high(on_delay_us=10 * S), low()), sensor(2)) == []
    for now in range(40, 60, 5):  # a backlog says nothing of the gateway's clock
        play.read(now - 40, 1, sensor=2, received=now, sent=now - 40)
    assert not play.alarms
    assert not play.wait(41, 59, listening=False)
    assert short(play.wait(60, 60, listening=False))[0] == "H pending>active"


def test_an_active_alarm_survives_an_edit_until_a_good_reading_returns() -> None:
    play = Play(sensor(1, high(25)))
    play.read(0, 30)
    assert edit(play, sensor(1, high(40))) == []
    assert play.alarm().active
    play.read(1, 30)
    assert play.told == ["H active>normal", "return unacknowledged>returned_unacknowledged"]


@pytest.mark.parametrize("clearing", [False, True])
def test_a_latch_given_to_an_active_alarm_holds_it(clearing: bool) -> None:
    play = Play(sensor(1, high(off_delay_us=10 * S), low()))
    play.read(0, 30)
    if clearing:
        play.read(1, 10)
    assert edit(play, sensor(1, high(off_delay_us=10 * S, latch=True), low(latch=True))) == []
    assert play.alarm().latched
    assert play.outcome.alarms == (play.alarm(),)
    play.read(2, 10)
    play.read(12, 10)
    assert play.alarm().state == "latched_unacknowledged"


def test_a_latch_taken_from_an_active_alarm_releases_nothing() -> None:
    play = Play(sensor(1, high(latch=True)))
    play.read(0, 30)
    assert edit(play, sensor(1, high())) == []
    assert play.alarm().latched


def test_an_edit_while_clearing_starts_the_clearing_anew() -> None:
    play = Play(sensor(1, high(off_delay_us=5 * S)))
    play.read(0, 30)
    play.read(1, 10)
    assert edit(play, sensor(1, high(off_delay_us=6 * S))) == ["H clearing>active"]
    play.read(6, 10)
    assert play.told == ["H active>clearing"]


def test_a_limit_that_is_gone_ends_its_condition() -> None:
    play = Play(sensor(1, high(), high_high(), low()))
    play.read(0, 60)
    assert edit(play, sensor(1, high(), low())) == [
        "HH active>normal",
        "deescalate unacknowledged>unacknowledged",
    ]
    assert edit(play, sensor(1, low())) == [
        "H active>normal",
        "return unacknowledged>returned_unacknowledged",
    ]


def test_a_removed_sensor_or_gateway_closes_its_alarms() -> None:
    play = Play(sensor(1, high()), sensor(2, gateway=2))
    play.read(0, 30)
    play.read(400, 1, received=0, sensor=2, gateway=2)
    assert len(play.alarms) == 2
    assert edit(play, sensor(3)) == [
        "close unacknowledged>normal",
        "close unacknowledged>normal",
    ]
    assert not play.alarms
    assert all(alarm.state == "normal" and not alarm.active for alarm in play.outcome.alarms)


def test_new_sensors_get_their_full_time_before_they_are_stale() -> None:
    play = Play(sensor(1))
    for now in range(200):
        play.read(now, 1)
        play.tick(now)
    edit(play, sensor(1), sensor(2))
    for now in range(200, 499):
        play.read(now, 1)
        play.tick(now)
    assert not play.alarms
    play.tick(500)
    assert play.alarm().sensor == 2


def test_taking_out_of_service_covers_and_putting_back_rings_what_is_still_there() -> None:
    plain = sensor(1, high())
    out = msgspec.structs.replace(plain, out_of_service=True)
    play = Play(plain)
    play.read(0, 30)
    assert edit(play, out) == ["out_of_service unacknowledged>out_of_service"]
    assert edit(play, plain) == ["in_service out_of_service>unacknowledged"]


def test_suppression_by_design_covers_and_lifts() -> None:
    plain = sensor(1, high())
    suppressed = msgspec.structs.replace(plain, suppressed=True)
    play = Play(suppressed)
    play.read(0, 30)
    assert play.alarm().state == "suppressed"
    assert not play.alarm().annunciated
    assert edit(play, plain) == ["unsuppress suppressed>unacknowledged"]
    assert edit(play, suppressed) == ["suppress unacknowledged>suppressed"]


def test_changing_one_cover_for_another_rings_nothing_in_between() -> None:
    plain = sensor(1, high())
    out = msgspec.structs.replace(plain, out_of_service=True)
    suppressed = msgspec.structs.replace(plain, suppressed=True)
    play = Play(out)
    play.read(0, 30)
    assert edit(play, suppressed) == [
        "suppress out_of_service>out_of_service",
        "in_service out_of_service>suppressed",
    ]
    assert edit(play, out) == [
        "out_of_service suppressed>out_of_service",
        "unsuppress out_of_service>out_of_service",
    ]
    assert not play.alarm().annunciated


def test_an_alarm_of_a_gateway_has_no_cover_to_change() -> None:
    play = Play(sensor(1))
    play.read(400, 1, received=0)
    assert edit(play, msgspec.structs.replace(sensor(1), suppressed=True)) == []


def test_the_same_program_again_changes_nothing_at_all() -> None:
    play = Play(sensor(1, high(on_delay_us=5 * S), high_high()), sensor(2, low(off_delay_us=5 * S)))
    play.read(0, 30)
    play.read(0, 1, sensor=2)
    play.wait(1, 320)
    before = play.state.to_bytes()
    assert edit(play, *play.program.configuration.sensors.values()) == []
    assert play.state.to_bytes() == before


def test_the_state_given_is_left_as_it_was() -> None:
    play = Play(sensor(1, high(on_delay_us=5 * S)))
    play.read(0, 30)
    before, saved = play.state, play.state.to_bytes()
    edit(play, sensor(1, high(31)))
    assert before.to_bytes() == saved
    assert np.array_equal(play.state.newest.time, before.newest.time)
    assert short(told(play)) == ["H pending>normal"]
