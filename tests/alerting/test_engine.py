"""What is judged live, late, future or in retrospect, and what a value is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alerting import SensorSpec, initial_state, step, tick
from domain.entries import Tick
from domain.readings import Quality, ReadingBatch, Reason
from tests.alerting.play import T0, Play, S, high, high_high, low, reason_of, sensor
from tests.alerting.reference import Message, Reading

RAISED = ["H normal>active", "raise normal>unacknowledged"]


def test_a_reading_over_its_limit_raises_an_alarm_with_all_that_explains_it() -> None:
    play = Play(sensor(1, high(source="GB/T 50493-2019 5.5.2")))
    play.read(0, 27.3)
    assert play.told == RAISED
    alarm = play.alarm()
    assert (alarm.id, alarm.sensor, alarm.gateway) == ("1.1", 1, 1)
    assert (alarm.kind, alarm.family, alarm.level, alarm.priority) == ("limit", "high", "H", 3)
    assert (alarm.value, alarm.limit, alarm.raised_at) == (27.3, 25.0, T0)
    assert alarm.source == "GB/T 50493-2019 5.5.2"
    assert play.outcome.alarms == (alarm,)


def test_one_jump_over_both_limits_is_one_alarm_at_the_higher_level() -> None:
    play = Play(sensor(1, high(), high_high()))
    play.read(0, 60)
    assert play.told == ["HH normal>active", "H normal>active", "raise normal>unacknowledged"]
    assert (play.alarm().level, play.alarm().priority) == ("HH", 2)


def test_falling_from_hh_to_h_does_not_ring_again_and_keeps_the_highest_level() -> None:
    play = Play(sensor(1, high(), high_high()))
    play.read(0, 60)
    play.act("acknowledge", at=1)
    play.read(2, 30)
    assert play.told == ["HH active>normal", "deescalate acknowledged>acknowledged"]
    assert (play.alarm().level, play.alarm().highest_level) == ("H", "HH")
    assert play.alarm().acknowledged_by == "wang"


def test_rising_to_hh_rings_again_though_h_was_acknowledged() -> None:
    play = Play(sensor(1, high(), high_high()))
    play.read(0, 30)
    play.act("acknowledge", at=1)
    play.read(2, 60)
    assert play.told == ["HH normal>active", "escalate acknowledged>unacknowledged"]
    assert play.alarm().acknowledged_by is None


def test_reactivation_before_the_end_is_the_same_alarm_once_more() -> None:
    play = Play(sensor(1, high()))
    play.read(0, 30)
    first = play.alarm().id
    play.read(1, 10)
    assert play.told == ["H active>normal", "return unacknowledged>returned_unacknowledged"]
    play.read(2, 31)
    assert (play.alarm().id, play.alarm().count, play.alarm().cleared_at) == (first, 2, None)


def test_a_second_latching_limit_latches_the_alarm_that_is_there() -> None:
    play = Play(sensor(1, high(on_delay_us=2 * S, latch=True), high_high()))
    play.read(0, 60)
    assert not play.alarm().latched
    play.read(2, 60)
    assert play.told == ["H pending>active"]
    assert play.alarm().latched
    assert play.outcome.alarms == (play.alarm(),)


@pytest.mark.parametrize(
    ("age", "live", "reason"),
    [
        (0, True, Reason(0)),
        (60, True, Reason(0)),
        (60.000001, True, Reason.LATE),
        (900, True, Reason.LATE),
        (900.000001, False, Reason.HISTORICAL),
        (-300, True, Reason(0)),
        (-300.000001, False, Reason.FUTURE),
    ],
)
@pytest.mark.parametrize("says_sent", [True, False])
def test_the_age_decides(age: float, live: bool, reason: Reason, says_sent: bool) -> None:
    play = Play(sensor(1, high()))
    verdict = play.read(0, 30, received=age, sent=age if says_sent else None)
    assert bool(verdict.live[0]) == live
    assert bool(verdict.kept[0]) == (reason != Reason.FUTURE)
    assert reason_of(verdict) == reason
    assert int(verdict.age[0]) == round(age * S)
    assert any(alarm.family == "high" for alarm in play.alarms) == live


def test_a_late_reading_raises_an_alarm_marked_late() -> None:
    play = Play(sensor(1, high()))
    play.read(0, 30, received=100)
    assert play.alarm().late


def test_backfill_is_kept_but_rings_no_bell() -> None:
    play = Play(sensor(1, high()))
    verdict = play.read(0, 60, backfill=True)
    assert (verdict.kept[0], verdict.live[0], verdict.fresh[0]) == (True, False, True)
    assert not play.alarms


def test_a_wrong_time_of_sending_does_not_silence() -> None:
    play = Play(sensor(1, high()))
    verdict = play.read(0, 30, sent=86_400 * 365)
    assert verdict.live[0]
    assert verdict.age[0] == 0


def test_receive_time_needs_no_correction() -> None:
    play = Play(sensor(1, high()))
    verdict = play.read(0, 30, sent=-3600, reason=Reason.NO_DEVICE_TIME)
    assert verdict.live[0]
    assert verdict.age[0] == 0


def test_older_than_the_newest_never_touches_live_state() -> None:
    play = Play(sensor(1, high()))
    play.read(10, 20, received=10)
    verdict = play.read(9, 99, received=11)
    assert reason_of(verdict) == Reason.STRAGGLER
    assert (verdict.live[0], verdict.kept[0], verdict.fresh[0]) == (False, True, False)
    verdict = play.read(10, 20, received=12)
    assert reason_of(verdict) == Reason.DUPLICATE
    verdict = play.read(10, 99, received=13)
    assert reason_of(verdict) == Reason.CORRECTION
    assert not play.alarms
    assert play.state.newest.value[0] == 20


def test_the_same_missing_value_again_is_a_duplicate() -> None:
    play = Play(sensor(1, high()))
    play.read(1, math.nan, reason=Reason.NULL_VALUE)
    verdict = play.read(1, math.nan, received=2, reason=Reason.NULL_VALUE)
    assert reason_of(verdict) == Reason.DUPLICATE | Reason.NULL_VALUE


def test_one_batch_may_hold_a_sensor_many_times() -> None:
    play = Play(sensor(1, high()), sensor(2))
    readings = [
        Reading(1, T0 + k * S, value, 0, 0)
        for k, value in ((0, 1), (5, 2), (3, 9), (5, 2), (5, 3), (6, 4))
    ]
    play.messages(
        Message(
            1,
            T0 + 10 * S,
            T0 + 10 * S,
            backfill=False,
            readings=[*readings, Reading(2, T0, 1, 0, 0)],
        )
    )
    verdict = play.outcome.verdict
    assert verdict is not None
    assert verdict.live.tolist() == [True, True, False, False, False, True, True]
    kinds = [Reason(int(bits)) for bits in verdict.reason[2:5]]
    assert kinds == [Reason.STRAGGLER, Reason.DUPLICATE, Reason.CORRECTION]


def test_readings_of_unknown_sensors_are_not_kept_and_disturb_nothing() -> None:
    play = Play(sensor(1, high()))
    for number in (0, 2, 77, -5, 2**31 - 1):
        verdict = play.read(0, 99, sensor=number)
        assert not verdict.kept[0]
    assert not play.alarms


def test_a_program_without_sensors_judges_nothing() -> None:
    play = Play()
    verdict = play.read(0, 99)
    assert not verdict.kept[0]
    play.tick(1)
    assert play.outcome.transitions == ()


def test_an_empty_batch_changes_nothing() -> None:
    play = Play(sensor(1, high()))
    state, outcome = step(play.program, play.state, ReadingBatch.empty())
    assert outcome.transitions == ()
    assert state.to_bytes() == play.state.to_bytes()


def test_step_leaves_its_arguments_untouched() -> None:
    play = Play(sensor(1, high()))
    play.read(0, 10)
    before, saved = play.state, play.state.to_bytes()
    play.read(1, 60)
    play.wait(2, 400)
    assert before.to_bytes() == saved
    assert len(before.alarms) == 0


def test_two_alarms_of_one_name_are_a_fault_of_the_caller() -> None:
    play = Play(sensor(1, high()), sensor(2, high()))
    play.read(0, 60)
    play.position -= 1
    with pytest.raises(ValueError, match=r"alarm 1\.1 is open"):
        play.read(1, 60, sensor=2)


class TestWorth:
    ranged: SensorSpec = sensor(1, high(), high_high(), range_low=0.0, range_high=100.0)

    @pytest.mark.parametrize("value", [100.1, 5000.0])
    def test_over_range_on_the_alarming_side_is_judged_as_full_scale(self, value: float) -> None:
        play = Play(self.ranged)
        verdict = play.read(0, value)
        assert verdict.quality[0] == Quality.UNCERTAIN
        assert reason_of(verdict) == Reason.OVER_RANGE
        assert (play.alarm().level, play.alarm().value) == ("HH", 100.0)
        assert play.alarm().over_range
        assert play.state.newest.value[0] == value

    def test_a_flag_is_enough_even_without_a_number(self) -> None:
        play = Play(self.ranged)
        verdict = play.read(0, math.nan, reason=Reason.OVER_RANGE)
        assert verdict.quality[0] == Quality.UNCERTAIN
        assert play.alarm().level == "HH"

    def test_full_scale_reaches_even_a_limit_set_above_it(self) -> None:
        play = Play(sensor(1, high_high(150), range_high=100.0))
        play.read(0, 101)
        assert play.alarm().value == 150

    def test_under_range_on_the_alarming_side_likewise(self) -> None:
        play = Play(sensor(1, low(), range_low=0.0))
        verdict = play.read(0, -1)
        assert reason_of(verdict) == Reason.UNDER_RANGE
        assert (play.alarm().level, play.alarm().value) == ("L", 0.0)

    @pytest.mark.parametrize(
        ("value", "reason", "then"),
        [
            (-0.5, Reason(0), Reason.UNDER_RANGE),
            (math.nan, Reason(0), Reason.NON_FINITE),
            (math.inf, Reason(0), Reason.NON_FINITE),
            (math.nan, Reason.NULL_VALUE, Reason.NULL_VALUE),
            (60.0, Reason.DEVICE_FAULT, Reason.DEVICE_FAULT),
            (160.0, Reason.DEVICE_FAULT, Reason.DEVICE_FAULT | Reason.OVER_RANGE),
        ],
    )
    def test_bad_is_what_cannot_be_trusted(
        self, value: float, reason: Reason, then: Reason
    ) -> None:
        play = Play(self.ranged)
        verdict = play.read(0, value, reason=reason)
        assert verdict.quality[0] == Quality.BAD
        assert reason_of(verdict) == then
        assert not play.alarms

    def test_maintenance_stays_maintenance_whatever_the_value(self) -> None:
        play = Play(self.ranged)
        verdict = play.read(0, 500, quality=Quality.CALIBRATION)
        assert verdict.quality[0] == Quality.CALIBRATION
        assert not play.alarms

    @pytest.mark.parametrize(
        "quality", [q for q in Quality if q is not Quality.GOOD], ids=lambda q: q.name
    )
    def test_only_a_good_reading_clears(self, quality: Quality) -> None:
        play = Play(self.ranged)
        play.read(0, 30)
        for second in range(1, 5):
            play.read(second, 10, quality=quality)
        assert play.alarm().active
        play.read(9, 10)
        assert not play.alarm().active

    @pytest.mark.parametrize("quality", [Quality.UNCERTAIN, Quality.ESTIMATED])
    def test_an_uncertain_reading_raises(self, quality: Quality) -> None:
        play = Play(self.ranged)
        play.read(0, 60, quality=quality)
        assert play.alarm().level == "HH"


class TestDelays:
    def test_the_condition_must_hold_for_the_on_delay(self) -> None:
        play = Play(sensor(1, high(on_delay_us=3 * S)))
        play.read(0, 30)
        assert play.told == ["H normal>pending"]
        play.read(2.999999, 30)
        assert play.told == []
        play.read(3, 30)
        assert play.told == ["H pending>active", "raise normal>unacknowledged"]

    def test_one_reading_below_the_limit_ends_the_delay(self) -> None:
        play = Play(sensor(1, high(on_delay_us=3 * S, deadband=5)))
        play.read(0, 30)
        play.read(1, 24)
        assert play.told == ["H pending>normal"]

    def test_returning_needs_the_deadband_and_the_off_delay(self) -> None:
        play = Play(sensor(1, high(deadband=2, off_delay_us=3 * S)))
        play.read(0, 30)
        play.read(1, 23)
        assert play.told == []
        play.read(2, 22.9)
        assert play.told == ["H active>clearing"]
        play.read(4, 23.5)
        assert play.told == ["H clearing>active"]
        play.read(5, 20)
        play.read(7, 20)
        assert play.told == []
        play.read(8, 20)
        assert play.told == ["H clearing>normal", "return unacknowledged>returned_unacknowledged"]

    def test_in_silence_the_last_good_value_holds(self) -> None:
        play = Play(sensor(1, high(on_delay_us=60 * S)))
        play.read(0, 30, received=5)
        play.read(20, 31, received=25)
        assert not play.wait(26, 64)
        play.tick(65)
        assert play.told == ["H pending>active", "raise normal>unacknowledged"]
        change = play.outcome.transitions[0]
        assert (change.time, change.decided, change.value) == (T0 + 60 * S, T0 + 65 * S, 31.0)

    def test_a_delay_does_not_end_in_silence_while_nobody_listens(self) -> None:
        play = Play(sensor(1, high(on_delay_us=2 * S)))
        play.read(0, 30)
        assert not play.wait(100, 158, listening=False)
        play.read(1, 1, received=159)
        assert play.told == ["H pending>normal"]
        assert not play.wait(160, 200)

    def test_a_delay_ends_as_soon_as_we_listen_again(self) -> None:
        play = Play(sensor(1, high(on_delay_us=2 * S)))
        play.read(0, 30)
        assert not play.wait(100, 130, listening=False)
        play.tick(131)
        assert play.alarm().active

    def test_a_delay_waits_a_minute_for_us_to_listen_and_then_ends_all_the_same(self) -> None:
        play = Play(sensor(1, high(on_delay_us=2 * S)))
        play.read(0, 30)
        assert not play.wait(100, 158, listening=False)
        play.tick(159, listening=False)
        assert play.alarm().active

    def test_one_second_of_listening_begins_that_minute_anew(self) -> None:
        play = Play(sensor(1, high(on_delay_us=2 * S)))
        play.wait(0, 58, listening=False)
        play.tick(59)
        play.read(60, 30)
        assert not play.wait(60, 118, listening=False)
        play.tick(119, listening=False)
        assert play.alarm().active

    def test_clearing_never_ends_in_silence(self) -> None:
        play = Play(sensor(1, high(off_delay_us=2 * S)))
        play.read(0, 30)
        play.read(1, 10)
        play.wait(2, 200)
        assert play.alarm().active

    def test_bad_readings_do_not_stop_a_pending_delay(self) -> None:
        play = Play(sensor(1, high(on_delay_us=3 * S)))
        play.read(0, 30)
        play.read(1, 0, quality=Quality.BAD)
        play.read(5, 30)
        assert play.alarm().active

    def test_work_on_the_sensor_ends_a_pending_delay(self) -> None:
        play = Play(sensor(1, high(on_delay_us=30 * S)))
        play.read(0, 30)
        play.read(1, math.nan, quality=Quality.MAINTENANCE)
        assert play.told == ["H pending>normal"]
        assert play.outcome.transitions[0].value is None
        play.read(2, 30, quality=Quality.MAINTENANCE)
        assert play.told == []


def test_a_tick_is_a_pure_function_too() -> None:
    play = Play(sensor(1, high()))
    saved = play.state.to_bytes()
    tick(play.program, play.state, Tick(T0, listening=True))
    assert play.state.to_bytes() == saved
    assert np.array_equal(initial_state(play.program).newest.quality, [Quality.OFFLINE])
