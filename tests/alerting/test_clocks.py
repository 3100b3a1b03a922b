"""A wrong clock is told within a minute, and never silences."""

from __future__ import annotations

from random import Random

import pytest

from alerting.conditions import NEVER
from domain.readings import Quality, Reason
from tests.alerting.play import T0, Play, S, high, high_high, sensor, short
from tests.alerting.reference import Message, Reading


def test_a_steady_offset_beyond_thirty_seconds_is_an_alarm_within_a_minute() -> None:
    play = Play(sensor(1))
    raised = []
    for now in range(0, 60, 5):
        play.read(now - 31, 1, received=now, sent=now - 31)
        raised += [now for text in play.told if text.startswith("raise")]
    assert raised == [10]
    alarm = play.alarm("clock")
    assert (alarm.kind, alarm.sensor, alarm.gateway, alarm.priority) == ("mismatch", None, 1, 3)
    assert (alarm.value, alarm.limit) == (31.0, 30.0)
    assert play.state.gateways.offset.tolist() == [31_000_000]


def test_thirty_seconds_are_no_alarm() -> None:
    play = Play(sensor(1))
    for now in range(0, 60, 5):
        play.read(now - 30, 1, received=now, sent=now - 30)
    assert not play.alarms


def test_it_clears_when_the_clock_is_steady_and_right() -> None:
    play = Play(sensor(1))
    for now in range(0, 20, 5):
        play.read(now - 100, 1, received=now, sent=now - 100)
    told = []
    for now in range(20, 40, 5):
        play.read(now, 1, sent=now)
        told += play.told
    assert told == ["mismatch active>normal", "return unacknowledged>returned_unacknowledged"]


def test_a_slow_clock_set_right_is_right_as_soon_as_it_is_steady() -> None:
    play = Play(sensor(1))
    for now in range(0, 20, 5):
        play.read(now - 3600, 1, received=now, sent=now - 3600)
    for now in range(20, 35, 5):
        play.read(now, 1, sent=now)
    assert play.told == [
        "mismatch active>normal",
        "return unacknowledged>returned_unacknowledged",
    ]


def test_a_slow_road_is_no_offset() -> None:
    play = Play(sensor(1))
    for now, delay in ((0, 100), (5, 60), (10, 20), (15, 90)):
        play.read(now, 1, received=now + delay, sent=now)
    assert not play.alarms


def test_while_we_are_behind_our_own_delay_is_nobodys_clock() -> None:
    play = Play(sensor(1))
    play.tick(0, listening=False)
    for now in range(0, 60, 5):
        play.read(now, 1, received=now + 100, sent=now)
    assert not play.alarms
    assert play.state.gateways.samples.tolist() == [0]
    play.tick(60)
    play.read(60, 1, received=61, sent=60)
    assert play.state.gateways.samples.tolist() == [1]


def test_the_offset_is_taken_out_of_the_age_of_a_gateway_that_does_not_say_when_it_sent() -> None:
    play = Play(sensor(1, high()))
    hour = 3600
    live = [bool(play.read(now - hour, 30, received=now).live[0]) for now in range(0, 30, 5)]
    assert live == [False, False, True, True, True, True]
    assert play.alarm("high").active


def test_one_sample_a_second_is_enough() -> None:
    play = Play(sensor(1))
    for k in range(10):
        play.read(k / 10, 1, sent=k / 10)
    assert play.state.gateways.samples.tolist() == [1]


def test_a_reading_from_the_future_is_quarantined_and_rings_at_once() -> None:
    play = Play(sensor(1, high()))
    verdict = play.read(400, 99, received=0)
    assert not verdict.kept[0]
    assert play.told == ["mismatch normal>active", "raise normal>unacknowledged"]
    alarm = play.alarm()
    assert (alarm.family, alarm.value, alarm.limit) == ("clock", -400.0, 300.0)
    play.read(500, 99, received=5)
    assert play.told == []


def test_a_clock_alarm_waits_for_a_minute_without_the_future() -> None:
    play = Play(sensor(1))
    play.read(400, 1, received=0, sent=0)
    told = []
    for now in range(5, 75, 5):
        play.read(now, 1, sent=now)
        told += [(now, text) for text in play.told]
    assert told == [
        (60, "mismatch active>normal"),
        (60, "return unacknowledged>returned_unacknowledged"),
    ]


def test_a_fast_clock_set_right_silences_nothing() -> None:
    play = Play(sensor(1, high()))
    for now in range(0, 30, 5):
        play.read(now + 240, 1, received=now, sent=now + 240)
    live = [bool(play.read(now, 60, sent=now).live[0]) for now in range(30, 60, 5)]
    assert all(live)
    assert play.alarm("high").active


def test_a_clock_set_wrong_silences_only_until_it_is_steady() -> None:
    play = Play(sensor(1, high()))
    for now in range(0, 30, 5):
        play.read(now, 1, sent=now)
    live = {}
    for now in range(30, 60, 5):
        live[now] = bool(play.read(now - 240, 60, received=now, sent=now - 240).live[0])
    assert live == {30: False, 35: False, 40: True, 45: True, 50: True, 55: True}
    assert play.alarm("high").active


@pytest.mark.parametrize("seed", range(40))
def test_a_slow_clock_behind_a_gathering_gateway_is_found_within_three_messages(seed: int) -> None:
    random, play = Random(seed), Play(sensor(1, high(), high_high()))
    live = []
    for now in range(0, 7200, 60):
        verdict = play.read(now - 3600, 80, received=now + random.uniform(0, 40))
        live.append(bool(verdict.live[0]))
        if now == 120:
            assert {alarm.family for alarm in play.alarms} == {"clock", "high"}
    assert all(live[2:])


@pytest.mark.parametrize("seed", range(10))
def test_a_right_clock_behind_a_gathering_gateway_is_right_in_the_long_run(seed: int) -> None:
    random, play = Random(seed), Play(sensor(1))
    for now in range(0, 7200, 60):
        assert play.read(now, 1, received=now + random.uniform(0, 25)).live[0]
    assert not play.alarms


def test_a_sample_that_does_not_agree_leaves_the_offset_in_force() -> None:
    play = Play(sensor(1, high()))
    for now in range(0, 20, 5):
        play.read(now - 3600, 1, received=now)
    assert play.read(20 - 3600, 60, received=70).live[0]
    assert int(play.state.gateways.regime[0]) == 3_600_000_000


@pytest.mark.parametrize("rate", [1.6, 2, 10, 60])
def test_a_flushed_backlog_is_no_offset(rate: float) -> None:
    play = Play(sensor(1, high()))
    for second in range(120):
        play.read(second * rate - 3600 * 3, 60, received=second)
        assert int(play.state.gateways.offset[0]) == NEVER
    assert not play.alarms


def test_samples_do_not_depend_on_the_cut_where_our_own_clock_steps_back() -> None:
    def message(k: int, received: int) -> Message:
        at = T0 + received
        return Message(1, at, at, backfill=False, readings=[Reading(1, T0 + k * S, 1.0, 0, 0)])

    messages = [message(k, at) for k, at in enumerate((0, 1_500_000, 400_000, 1_600_000))]
    whole, apart = Play(sensor(1)), Play(sensor(1))
    whole.messages(*messages)
    for one in messages:
        apart.messages(one)
    assert whole.state.to_bytes() == apart.state.to_bytes()
    assert whole.state.gateways.samples.tolist() == [4]


def test_a_gateway_that_woke_in_1970_is_judged_again() -> None:
    play = Play(sensor(1, high(on_delay_us=20_000_000)))
    for now in range(0, 30, 5):
        play.read(now, 1, sent=now)
    play.read(30, 60, sent=30)
    since_1970 = -T0 / 1_000_000
    told = []
    for now in range(31, 80, 5):
        play.read(since_1970 + now, 60, received=now, sent=since_1970 + now)
        told += play.told
    assert "H pending>active" in told
    assert play.alarm("high").active


def test_a_clock_set_forward_moves_nothing() -> None:
    play = Play(sensor(1, high()))
    for now in range(0, 30, 5):
        play.read(now - 240, 1, received=now, sent=now - 240)
    before = play.state.newest.time.tolist()
    for now in range(30, 60, 5):
        assert play.read(now, 1, sent=now).live[0]
    assert play.state.newest.time.tolist() > before


def test_an_unknown_gateway_has_no_clock_and_its_readings_are_judged_all_the_same() -> None:
    play = Play(sensor(1, high()))
    play.read(0, 60, gateway=9)
    assert play.alarm().family == "high"
    play.read(400, 60, received=1, gateway=9)
    assert [a.family for a in play.alarms] == ["high"]


def test_readings_without_their_own_time_say_nothing_of_the_clock() -> None:
    play = Play(sensor(1))
    play.read(0, 1, reason=Reason.NO_DEVICE_TIME, quality=Quality.GOOD)
    play.hear(5)
    assert play.state.gateways.samples.tolist() == [0]


def test_the_transitions_of_a_clock_name_no_sensor() -> None:
    play = Play(sensor(1))
    play.read(400, 1, received=0)
    assert {t.sensor for t in play.outcome.transitions} == {None}
    assert short(play.outcome.transitions)[0] == "mismatch normal>active"
