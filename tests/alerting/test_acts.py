"""What people do to alarms, and what time does to shelves and acknowledgements."""

from __future__ import annotations

from alerting import Timing
from tests.alerting.play import Play, S, high, high_high, sensor

MINUTE = 60


def alarmed(*, realarm_s: int = 0) -> Play:
    play = Play(sensor(1, high(), high_high(latch=True)), timing=Timing(realarm_us=realarm_s * S))
    play.read(0, 30)
    return play


def test_the_first_acknowledgement_wins_and_the_second_is_told_so() -> None:
    play = alarmed()
    assert play.act("acknowledge", at=5, note="on my way") is None
    (change,) = play.outcome.transitions
    assert (change.event, change.actor, change.note) == ("acknowledge", "wang", "on my way")
    refusal = play.act("acknowledge", at=6)
    assert refusal is not None
    assert (refusal.code, refusal.alarm) == ("already", play.alarm())
    assert play.outcome.transitions == ()


def test_acknowledged_and_returned_is_over() -> None:
    play = alarmed()
    play.act("acknowledge", at=1)
    play.read(2, 10)
    assert play.told == ["H active>normal", "return acknowledged>normal"]
    assert not play.alarms
    assert play.outcome.alarms[0].state == "normal"


def test_a_latched_alarm_waits_for_its_reset() -> None:
    play = alarmed()
    play.read(1, 60)
    play.read(2, 10)
    assert play.alarm().state == "latched_unacknowledged"
    play.act("acknowledge", at=3)
    assert play.alarm().state == "latched_acknowledged"
    play.act("reset", at=4)
    assert play.told == ["reset latched_acknowledged>normal"]


def test_a_shelf_hides_coming_and_going_and_ends_by_itself() -> None:
    play = alarmed()
    play.act("shelve", at=1, note="known drift", until=10 * MINUTE)
    assert (play.alarm().state, play.alarm().shelve_reason) == ("shelved", "known drift")
    play.read(2, 10)
    play.read(3, 30)
    assert (play.alarm().state, play.alarm().count) == ("shelved", 2)
    play.tick(10 * MINUTE - 1, listening=False)
    assert play.told == []
    play.tick(10 * MINUTE, listening=False)
    assert play.told == ["shelf_expired shelved>unacknowledged"]


def test_a_shelf_outlasts_the_return_of_an_acknowledged_alarm() -> None:
    play = alarmed()
    play.act("acknowledge", at=1)
    play.act("shelve", at=1, note="known drift", until=10 * MINUTE)
    play.read(2, 10)
    assert play.alarm().state == "shelved"
    play.act("unshelve", at=3)
    assert play.told == ["unshelve shelved>normal"]
    assert not play.alarms


def test_a_shelf_breaks_when_it_gets_worse() -> None:
    play = alarmed()
    play.act("shelve", at=1, note="known drift", until=10 * MINUTE)
    play.read(2, 60)
    assert play.told == [
        "HH normal>active",
        "shelf_broken shelved>unacknowledged",
        "escalate unacknowledged>unacknowledged",
    ]
    assert play.alarm().shelved_until is None


def test_a_shelf_that_alone_kept_the_episode_open_breaks_into_the_same_episode() -> None:
    play = alarmed()
    play.act("acknowledge", at=1)
    play.act("shelve", at=1, note="known drift", until=10 * MINUTE)
    play.read(2, 10)
    play.read(3, 60)
    assert play.told[-2:] == ["shelf_broken shelved>normal", "reactivate normal>unacknowledged"]
    assert play.alarm().count == 2


def test_an_acknowledged_alarm_rings_again_after_the_realarm_time() -> None:
    play = alarmed(realarm_s=100)
    play.act("acknowledge", at=1)
    play.tick(100, listening=False)
    assert play.told == []
    play.tick(101, listening=False)
    assert play.told == ["realarm acknowledged>unacknowledged"]
    assert play.alarm().acknowledged_by is None


def test_without_a_realarm_time_it_rests() -> None:
    play = alarmed()
    play.act("acknowledge", at=1)
    play.tick(100_000, listening=False)
    assert play.told == []


def test_an_acknowledgement_of_h_is_none_of_the_hh_it_has_become() -> None:
    play = alarmed()
    play.read(1, 60)
    refusal = play.act("acknowledge", at=1.1, seen="unacknowledged", seen_level="H")
    assert refusal is not None
    assert (refusal.code, refusal.alarm) == ("changed", play.alarm())
    assert play.alarm().state == "unacknowledged"
    assert play.act("acknowledge", at=2, seen="unacknowledged", seen_level="HH") is None


def test_a_comment_changes_nothing_but_the_story() -> None:
    play = alarmed()
    play.act("comment", at=1, note="looked at the camera")
    assert play.told == ["comment unacknowledged>unacknowledged"]


def test_an_act_on_an_alarm_that_is_not_open_is_refused() -> None:
    refusal = alarmed().act("acknowledge", alarm="9.9")
    assert refusal is not None
    assert (refusal.code, refusal.alarm) == ("unknown_alarm", None)
