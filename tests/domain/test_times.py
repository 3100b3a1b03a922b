"""A time is milliseconds or RFC 3339 with a zone, and lies between 1970 and 2099."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.wire.times import (
    END_OF_TIME,
    LAST_TIME,
    format_time,
    parse_event_time,
    parse_time,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.integers(0, END_OF_TIME - 1)
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


@given(times)
def test_milliseconds_keep_a_time_to_the_microsecond(time: int) -> None:
    written = msgspec.json.encode(format_time(time))
    assert parse_time(msgspec.json.decode(written)) == time


@given(times, zones)
def test_rfc_3339_in_any_zone_is_the_same_moment(time: int, zone: timezone) -> None:
    text = (EPOCH + timedelta(microseconds=time)).astimezone(zone).isoformat()
    assert parse_time(text) == time


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000),
        ("1970-01-01 08:00:00+08:00", 0),
        ("2026-03-05T08:15:30.123456789+08:00", 1_772_669_730_123_456),
        ("2026-03-05T00:15:30.000001-00:00", 1_772_669_730_000_001),
    ],
)
def test_rfc_3339_forms_are_read(given_text: str, expected: int) -> None:
    assert parse_time(given_text) == expected


def test_whole_milliseconds_are_written_as_whole_numbers() -> None:
    assert format_time(1_772_669_730_000_000) == 1_772_669_730_000
    assert isinstance(format_time(1_772_669_730_000_000), int)


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-03-05T08:15:30",
        "2026-03-05",
        "2026-03-05T08:15+08:00",
        "1772669730000",
        "",
        "2026-03-05T08:15:30+0800",
        "2026-03-05T08:15:30.+08:00",
        "٢٠٢٦-03-05T08:15:30Z",
    ],
)
def test_text_without_a_zone_or_in_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not RFC 3339 with a zone"):
        parse_time(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:60Z",
    ],
)
def test_a_date_or_clock_that_does_not_exist_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        -1,
        -0.001,
        END_OF_TIME // 1000,
        10**30,
        1e300,
        1.7e308,
        float("inf"),
        float("nan"),
        "2100-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_outside_1970_to_2099_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="outside 1970 to 2099"):
        parse_time(wrong)


@pytest.mark.parametrize(
    "beyond",
    [
        END_OF_TIME // 1000,
        4_294_967_295_000,  # 32 bits of seconds, all set: a clock chip without its battery
        10**400,
        1e300,
        1.7e308,
        float("inf"),
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_an_event_beyond_the_end_of_time_has_the_last_time_there_is(beyond: object) -> None:
    assert parse_event_time(beyond) == LAST_TIME == END_OF_TIME - 1
    assert parse_time(format_time(LAST_TIME)) == LAST_TIME


@pytest.mark.parametrize("wrong", [-1, float("-inf"), float("nan"), "1969-12-31T23:59:59Z"])
def test_an_event_before_1970_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="outside 1970 to 2099"):
        parse_event_time(wrong)


@given(times)
def test_any_other_event_has_its_own_time(time: int) -> None:
    assert parse_event_time(format_time(time)) == time


@pytest.mark.parametrize("wrong", [True, None, [], {}])
def test_what_is_neither_number_nor_text_is_no_time(wrong: object) -> None:
    with pytest.raises(ValueError, match="milliseconds since 1970 or RFC 3339"):
        parse_time(wrong)
