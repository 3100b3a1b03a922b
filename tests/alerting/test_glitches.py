"""A clock that was ahead for a moment silences nobody: what it claimed bars no honest reading."""

from __future__ import annotations

import pytest

from alerting import explain
from domain.readings import Reason
from tests.alerting.play import Play, S, high, high_high, reason_of, sensor, short
from tests.alerting.reference import Message, Reading

PERIOD = 4
HOURS, YEARS = 8 * 3600, 10 * 365 * 86_400


@pytest.mark.parametrize("says_sent", [True, False])
@pytest.mark.parametrize("begin", [0, 60])
@pytest.mark.parametrize("ahead", [60, 290, HOURS, YEARS])
@pytest.mark.parametrize("length", [1, 8])
def test_after_a_glitch_the_second_reading_over_the_limit_rings_at_the_latest(
    length: int, ahead: int, begin: int, says_sent: bool
) -> None:
    play = Play(sensor(1, high(), high_high()))
    end = begin + length
    for now in range(0, end, PERIOD):
        time = now + (ahead if now >= begin else 0)
        play.read(time, 1, received=now, sent=time if says_sent else None)
    leak = range(now + PERIOD, now + 40, PERIOD)
    live = [bool(play.read(n, 80, sent=n if says_sent else None).live[0]) for n in leak]
    assert all(live[1:])
    assert play.alarm("high").level == "HH"


@pytest.mark.parametrize("period", [1, 10, 25, 31, 60, 300])
@pytest.mark.parametrize("ahead", [40, 60, 290, HOURS])
def test_a_glitch_costs_one_reading_or_half_a_minute(ahead: int, period: int) -> None:
    play = Play(sensor(1, high()))
    play.read(ahead, 1, received=0, sent=ahead)
    live = [bool(play.read(now, 80, sent=now).live[0]) for now in range(period, 900, period)]
    costs = 30 // period + 1
    assert all(live[costs:])
    assert play.alarm("high").active


@pytest.mark.parametrize("ahead", [301, HOURS, YEARS])
def test_one_message_sent_in_the_future_rings_the_clock_alarm_at_once(ahead: int) -> None:
    play = Play(sensor(1))
    for now in range(0, 20, 5):
        play.read(now, 1, sent=now)
    assert play.read(20 + ahead, 1, received=20, sent=20 + ahead).live[0]
    assert play.told == ["mismatch normal>active", "raise normal>unacknowledged"]
    assert (play.alarm().value, play.alarm().limit) == (-float(ahead), 30.0)
    assert "was quarantined" not in explain(play.alarm(), "en")
    calm = [now for now in range(25, 120, 5) if not _still_wrong(play, now)]
    assert calm[0] == 80


def _still_wrong(play: Play, now: int) -> bool:
    play.read(now, 1, sent=now)
    return play.alarm("clock").active


def test_five_minutes_ahead_of_the_gateways_own_steady_clock_is_meant() -> None:
    play = Play(sensor(1))
    for now in range(0, 20, 5):
        play.read(now + 29, 1, received=now, sent=now + 29)
    play.read(20 + 329, 1, received=20, sent=20 + 329)
    assert not play.alarms
    play.read(25 + 330, 1, received=25, sent=25 + 330)
    assert play.alarm("clock").active


def test_a_delay_that_began_in_the_glitch_is_counted_from_there() -> None:
    play = Play(sensor(1, high(on_delay_us=20 * S)))
    for now in (0, 4, 8):
        play.read(now + HOURS, 80, received=now, sent=now + HOURS)
    told = []
    for now in range(12, 40, 4):
        play.read(now, 80, sent=now)
        told += [(now, text) for text in play.told if text == "H pending>active"]
    assert told == [(24, "H pending>active")]


def test_a_delay_that_began_before_the_glitch_keeps_its_clock() -> None:
    play = Play(sensor(1, high(off_delay_us=20 * S)))
    play.read(0, 80, sent=0)
    play.read(4, 1, sent=4)
    play.read(8 + HOURS, 1, received=8, sent=8 + HOURS, reason=Reason.DEVICE_FAULT)
    told = []
    for now in range(12, 40, 4):
        play.read(now, 1, sent=now)
        told += [(now, text) for text in play.told if text.startswith("H ")]
    assert told == [(24, "H clearing>normal")]


def test_order_holds_again_after_the_glitch() -> None:
    play = Play(sensor(1, high()))
    play.read(HOURS, 1, received=0, sent=HOURS)
    play.read(10, 1, sent=10)
    assert reason_of(play.read(9, 80, received=11, sent=9)) == Reason.STRAGGLER
    assert reason_of(play.read(10, 80, received=12, sent=10)) == Reason.CORRECTION
    assert not [a for a in play.alarms if a.family == "high"]


@pytest.mark.parametrize("ahead", [240, HOURS])
def test_a_gateway_that_counts_anew_with_its_clock_set_right_is_heard(ahead: int) -> None:
    play = Play(sensor(1, high()))
    for now in range(0, 20, 4):
        play.read(now + ahead, 1, received=now, sent=now + ahead)
    # Its numbers came before, so all it sends bears the mark of a copy: of a leak, for hours.
    assert play.read(20, 80, sent=20, reason=Reason.COPY).live[0]
    assert play.alarm("high").active


@pytest.mark.parametrize("ahead", [0, 40, 240])
def test_a_message_delivered_again_moves_nothing(ahead: int) -> None:
    play = Play(sensor(1, high()))
    for now, value in ((0, 1), (4, 1), (8, 80), (12, 80)):
        play.read(now + ahead, value, received=now, sent=now + ahead)
    again = play.read(4 + ahead, 1, received=13, sent=4 + ahead, reason=Reason.COPY)
    assert reason_of(again) == Reason.COPY | Reason.STRAGGLER
    assert play.alarm("high").active


def test_readings_that_are_all_ahead_keep_their_order() -> None:
    play = Play(sensor(1, high()))
    play.read(240, 1, received=0, sent=240)
    assert reason_of(play.read(239, 80, received=1, sent=241)) == Reason.STRAGGLER


def test_a_glitch_and_the_leak_after_it_may_come_in_one_batch() -> None:
    play = Play(sensor(1, high(on_delay_us=2 * S)), sensor(2))
    start = play.read(0, 1, sent=0).age.tolist()
    assert start == [0]

    def message(now: int, ahead: int, *values: float) -> Message:
        at = play.state.newest.received.max().item() // S * S + now * S
        readings = [Reading(1, at + ahead * S, value, 0, 0) for value in values]
        return Message(1, at, at + ahead * S, backfill=False, readings=readings)

    play.messages(message(1, HOURS, 80), message(2, 0, 80), message(3, 0, 80), message(4, 0, 80))
    verdict = play.outcome.verdict
    assert verdict is not None
    assert verdict.live.tolist() == [True, True, True, True]
    told = [text for text in short(play.outcome.transitions) if text.startswith("H ")]
    assert told == ["H normal>pending", "H pending>active"]
