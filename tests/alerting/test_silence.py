"""Who is stale, and who is only muted."""

from __future__ import annotations

import msgspec

from alerting import Configuration, GatewaySpec, compile_program, initial_state, tick
from domain.entries import Tick
from domain.readings import Quality
from tests.alerting.play import T0, Play, S, high, sensor, short


def test_a_sensor_is_stale_after_three_periods_but_not_before_five_minutes() -> None:
    play = Play(sensor(1), msgspec.structs.replace(sensor(2), period_us=200 * S))
    found = []
    for now in range(1, 601):
        if now % 60 == 0:
            play.hear(now)
        play.tick(now)
        found += [(now, t.sensor) for t in play.outcome.transitions if t.event == "raise"]
    assert found == [(300, 1), (600, 2)]
    alarm = play.alarms[0]
    assert (alarm.kind, alarm.family, alarm.priority, alarm.level) == ("stale", "stale", 4, None)
    assert (alarm.value, alarm.limit) == (300.0, 300.0)


def test_silence_counts_only_while_we_listen() -> None:
    play = Play(sensor(1))
    assert not play.wait(1, 400, listening=False)
    assert not play.wait(401, 699)
    assert play.wait(700, 700)


def test_a_live_reading_of_any_quality_ends_staleness() -> None:
    play = Play(sensor(1, high()))
    for now in range(1, 301):
        play.tick(now)
        play.hear(now)
    assert play.alarm().state == "unacknowledged"
    play.read(301, 0, quality=Quality.BAD)
    assert play.told == ["stale active>normal", "return unacknowledged>returned_unacknowledged"]


def test_a_stale_sensor_may_come_back_with_a_leak() -> None:
    play = Play(sensor(1, high()))
    for now in range(1, 301):
        play.tick(now)
        play.hear(now)
    play.read(301, 60)
    assert play.told == [
        "stale active>normal",
        "return unacknowledged>returned_unacknowledged",
        "H normal>active",
        "raise normal>unacknowledged",
    ]


def test_backfill_does_not_make_a_sensor_present() -> None:
    play = Play(sensor(1))
    for now in range(1, 300):
        play.tick(now)
        play.read(now, 1, backfill=True)
    play.tick(300)
    assert play.alarm().sensor == 1


def test_a_silent_gateway_is_one_alarm_and_mutes_its_sensors() -> None:
    play = Play(sensor(1), sensor(2), sensor(3, gateway=2))
    for now in range(1, 301):
        play.tick(now)
        play.read(now, 1, sensor=3, gateway=2)
    states = {(a.sensor, a.gateway): a.state for a in play.alarms}
    assert states == {(None, 1): "unacknowledged", (1, 1): "suppressed", (2, 1): "suppressed"}
    assert play.alarms[0].priority == 3


def test_the_gateway_speaks_again_and_each_sensor_gets_its_time_to_follow() -> None:
    play = Play(sensor(1), sensor(2))
    play.wait(1, 300)
    play.read(301, 1)
    assert short(play.outcome.transitions) == [
        "stale active>normal",
        "return unacknowledged>returned_unacknowledged",
        "stale active>normal",
        "return suppressed>normal",
    ]
    found = []
    for now in range(302, 602):
        play.read(now, 1)
        play.tick(now)
        found += [(now, text) for text in play.told]
    assert found == [(601, "unsuppress suppressed>unacknowledged")]


def test_a_stale_alarm_that_rang_is_muted_when_its_gateway_falls_silent_too() -> None:
    play = Play(sensor(1), sensor(2))
    for now in range(1, 301):
        play.tick(now)
        play.read(now, 1, sensor=2)
    assert play.alarm().state == "unacknowledged"
    told = short(play.wait(301, 600))
    assert "suppress unacknowledged>suppressed" in told
    play.read(601, 1)
    assert play.told[-2:] == [
        "return suppressed>suppressed",
        "unsuppress suppressed>returned_unacknowledged",
    ]


def test_a_sensor_suppressed_by_design_hears_nothing_of_its_gateway() -> None:
    play = Play(msgspec.structs.replace(sensor(1), suppressed=True, period_us=50 * S))
    for now in range(1, 301):
        play.tick(now)
        play.hear(now)
    assert play.alarm().state == "suppressed"
    told = short(play.wait(301, 600))
    assert not any("suppress " in text for text in told)
    play.read(601, 1)
    assert [a.sensor for a in play.alarms] == [None]


def test_a_gateway_has_a_silence_of_its_own() -> None:
    quick = {1: GatewaySpec(number=1, silence_us=20 * S)}
    program = compile_program(Configuration(sensors={1: sensor(1)}, gateways=quick))
    state, raised = initial_state(program), []
    for now in range(1, 30):
        second = Tick(T0 + now * S, listening=True)
        state, outcome = tick(program, state, second, position=now)
        raised += [now for t in outcome.transitions if t.event == "raise"]
    assert raised == [20]
