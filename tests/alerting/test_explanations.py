"""Sentences for the duty room, in both languages, from what the alarm itself holds."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest

from alerting import Alarm, Limit, Transition, explain
from alerting.explanations import duration
from alerting.texts import CONDITIONS, EVENTS, LEVEL_NAMES, LOCALES, SENTENCES, UNITS, Locale
from domain.readings import Reason
from tests.alerting.play import Play, high, high_high, low, sensor

GAS = {"sensor_name": "甲烷", "unit": "%LEL", "measurand_class": "gas"}


def gas() -> Play:
    play = Play(sensor(1, high(source="GB/T 50493-2019 5.5.2"), high_high(), range_high=100.0))
    play.read(0, 27.3)
    return play


def test_a_gas_alarm_reads_like_the_standard() -> None:
    alarm = gas().alarm()
    assert explain(alarm, "zh-CN", **GAS) == (
        "甲烷 27.3 %LEL 超过一级报警值 25 %LEL（GB/T 50493-2019 5.5.2）"
    )
    assert explain(alarm, "en", **GAS | {"sensor_name": "Methane"}) == (
        "Methane 27.3 %LEL is above alarm level 1 25 %LEL (GB/T 50493-2019 5.5.2)"
    )


def test_other_classes_name_the_limit() -> None:
    play = Play(sensor(1, low(5, on_delay_us=90_000_000)))
    play.read(0, 4)
    play.read(90, 4, received=190)
    text = explain(play.alarm(), "en", sensor_name="Flow", unit="m/s")
    assert text == "Flow 4 m/s is below the low limit 5 m/s, for 90 s, from late data"
    text = explain(play.alarm(), "zh-CN", sensor_name="风速", unit="m/s")
    assert text == "风速 4 m/s 低于低限报警值 5 m/s，持续 90 秒，迟到数据"


def test_a_unit_that_is_a_word_is_in_the_readers_language() -> None:
    play = Play(sensor(1, high(10)))
    play.read(0, 12)
    text = explain(play.alarm(), "zh-CN", sensor_name="火花探测", unit="count/min")
    assert text == "火花探测 12 次/分钟 超过高限报警值 10 次/分钟"
    text = explain(play.alarm(), "en", sensor_name="Sparks", unit="count/min")
    assert text == "Sparks 12 counts/min is above the high limit 10 counts/min"


def test_over_range_says_what_it_was_judged_as() -> None:
    play = gas()
    play.read(1, 120)
    assert explain(play.alarm(), "zh-CN", **GAS) == (
        "甲烷 超出量程，按满量程 100 %LEL 判断，超过二级报警值 50 %LEL"
    )
    change = play.outcome.transitions[-1]
    assert explain(change, "en", **GAS, source="S 1") == (
        "Got worse: 甲烷 is over range, judged as full scale 100 %LEL, "
        "above alarm level 2 50 %LEL (S 1)"
    )
    play = Play(sensor(1, low(), range_low=0.0))
    play.read(0, -2)
    assert explain(play.alarm(), "zh-CN", sensor_name="氧气") == (
        "氧气 低于量程，按量程下限 0 判断，低于低限报警值 5"
    )


def test_an_alarm_without_a_value_still_has_a_sentence() -> None:
    alarm = msgspec.structs.replace(gas().alarm(), value=None, limit=None)
    assert explain(alarm, "en", **GAS) == (
        "甲烷 has reached alarm level 1 %LEL (GB/T 50493-2019 5.5.2)"
    )


def test_silence_and_clocks_are_said_in_natural_units() -> None:
    play = Play(sensor(1))
    play.wait(1, 300)
    gateway, muted = play.alarms
    assert (
        explain(gateway, "zh-CN", gateway_name="一号网关")
        == "网关 一号网关 已 5 分钟 无消息（允许 5 分钟）"
    )
    assert explain(muted, "en") == "#1 has sent nothing for 5 min (allowed: 5 min)"
    play = Play(sensor(1))
    play.read(400, 1, received=0)
    assert explain(play.alarm(), "en") == (
        "Gateway #1 sent a reading from the future (6.67 min ahead); it was quarantined"
    )
    play = Play(sensor(1))
    for now in range(0, 20, 5):
        play.read(now - 7200, 1, received=now, sent=now - 7200)
    assert explain(play.alarm(), "zh-CN") == "网关 #1 时钟偏差 2 小时（允许 30 秒）"


def test_the_time_line_tells_who_and_why() -> None:
    play = gas()
    play.act("acknowledge", at=1, note="已派人")
    assert explain(play.outcome.transitions[0], "zh-CN") == "已确认（wang）：已派人"
    assert explain(play.outcome.transitions[0], "en") == "Acknowledged (wang): 已派人"


def test_conditions_are_told_as_moves() -> None:
    change = gas().outcome.transitions[0]
    assert explain(change, "zh-CN", **GAS) == "一级报警值：正常 → 成立"
    assert explain(change, "en") == "the high limit: normal → active"
    play = Play(sensor(1))
    play.read(400, 1, received=0)
    assert explain(play.outcome.transitions[0], "en") == "clock: normal → active"


def test_every_event_has_words_in_both_languages() -> None:
    assert EVENTS["zh-CN"].keys() == EVENTS["en"].keys()
    assert CONDITIONS["zh-CN"].keys() == CONDITIONS["en"].keys()
    assert SENTENCES["zh-CN"].keys() == SENTENCES["en"].keys()
    assert LEVEL_NAMES["zh-CN"].keys() == LEVEL_NAMES["en"].keys()
    assert set(LOCALES) == set(UNITS) == set(get_args(Locale))


def test_the_documented_events_are_the_worded_ones() -> None:
    source = Transition.__doc__ or ""
    assert "what" in source
    alarm: Alarm = gas().alarm()
    assert alarm.kind == "limit"
    change = gas().outcome.transitions[1]
    for event in EVENTS["en"]:
        told = msgspec.structs.replace(change, event=event, reason=int(Reason.LATE))
        assert explain(told, "en", **GAS).startswith(EVENTS["en"][event])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "0.5 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")],
)
def test_a_duration_has_its_natural_unit(seconds: float, text: str) -> None:
    assert duration(math.floor(seconds * 1_000_000), "en") == text


def test_a_value_on_its_way_back_is_not_said_to_be_over_the_lower_limit() -> None:
    play = Play(sensor(1, high(off_delay_us=120_000_000), high_high(off_delay_us=60_000_000)))
    play.read(0, 55)
    play.read(30, 3.4)
    play.read(95, 3.4)
    assert play.told == ["HH clearing>normal", "deescalate unacknowledged>unacknowledged"]
    assert explain(play.alarm(), "en", **GAS | {"sensor_name": "Methane"}) == (
        "Methane 55 %LEL is above alarm level 1 25 %LEL"
    )
    change = play.outcome.transitions[-1]
    assert "3.4" not in explain(change, "en", **GAS)


def test_a_low_value_on_its_way_back_keeps_what_raised_it() -> None:
    play = Play(
        sensor(
            1,
            low(5, off_delay_us=120_000_000),
            Limit(level="LL", setpoint=2.0, off_delay_us=60_000_000),
        )
    )
    play.read(0, 1)
    play.read(30, 9)
    play.read(95, 9)
    assert play.alarm().level == "L"
    assert play.alarm().value == 1
