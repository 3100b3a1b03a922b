"""What the contract says of native JSON: what is taken, how, and what is refused alone."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest

from domain.readings import NO_SEQUENCE, NO_TIME, Quality, ReadingBatch, Reason
from domain.wire import (
    MAX_BYTES,
    MAX_ERRORS,
    BatchBuilder,
    Cause,
    MalformedMessage,
    MessageHead,
    Rejection,
    SensorRef,
    decode,
)
from domain.wire.times import LAST_TIME

RECEIVED = 1_772_669_731_500_000
MESSAGE_MS = 1_772_669_730_000
TAGS = {
    "dc01.dp": SensorRef(1),
    "g03.lel": SensorRef(2),
    "g03.valve": SensorRef(3, {"closed": 0.0, "open": 1.0}),
}


def take(payload: object, *, backfill: bool = False) -> tuple[MessageHead, ReadingBatch]:
    """Decode one message: bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(payload, str):
        payload = payload.encode()
    elif not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    builder = BatchBuilder()
    head = decode(payload, TAGS, RECEIVED, builder, 7, backfill)
    return head, builder.build()


def one(reading: dict[str, Any], **head: Any) -> tuple[MessageHead, ReadingBatch]:
    """Decode a message of one good reading and the given one."""
    good = {"s": "dc01.dp", "v": 1.0}
    return take({"ts": MESSAGE_MS, "readings": [good, reading], **head})


def refused(reading: dict[str, Any], **head: Any) -> Rejection:
    """The rejection of a reading; the good one before it must have been taken."""
    answer, batch = one(reading, **head)
    assert batch.sensor.tolist() == [1]
    assert answer.readings_accepted == 1
    (rejection,) = answer.errors
    return rejection


def malformed(payload: object) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        take(payload)
    return caught.value


def test_the_example_of_the_contract_is_read() -> None:
    head, batch = take(
        """{"ts": 1772669730000, "sent": 1772669731120, "boot": "b7", "seq": 18231,
            "readings": [{"s": "dc01.dp", "v": 812.0},
                         {"s": "g03.lel", "v": 3.2, "ts": 1772669730500, "q": "G"},
                         {"s": "g03.valve", "v": "closed"}]}"""
    )
    assert head == MessageHead("b7", 18231, 1_772_669_731_120_000, 3, ())
    assert batch.messages.gateway.tolist() == [7]
    assert batch.messages.received.tolist() == [RECEIVED]
    assert batch.messages.sent.tolist() == [1_772_669_731_120_000]
    assert batch.messages.sequence.tolist() == [18231]
    assert batch.messages.boots == ("b7",)
    assert batch.messages.backfill.tolist() == [False]
    assert batch.sensor.tolist() == [1, 2, 3]
    assert batch.time.tolist() == [
        1_772_669_730_000_000,
        1_772_669_730_500_000,
        1_772_669_730_000_000,
    ]
    assert batch.value.tolist() == [812.0, 3.2, 0.0]
    assert batch.quality.tolist() == [Quality.GOOD] * 3
    assert batch.reason.tolist() == [0, 0, 0]


def test_the_short_form_is_read() -> None:
    head, batch = take('{"ts": 1772669730000, "values": {"dc01.dp": 812.0, "g03.lel": 3.2}}')
    assert head == MessageHead(None, None, None, 2, ())
    assert batch.sensor.tolist() == [1, 2]
    assert batch.value.tolist() == [812.0, 3.2]


def test_both_forms_in_one_message_are_both_read() -> None:
    _, batch = take({"readings": [{"s": "g03.lel", "v": 1}], "values": {"dc01.dp": 2}})
    assert batch.sensor.tolist() == [2, 1]


def test_unknown_fields_are_ignored() -> None:
    head, batch = one({"s": "g03.lel", "v": 2, "unit": "%LEL", "x": [{}]}, vendor={"fw": "1.2"})
    assert head.errors == ()
    assert batch.value.tolist() == [1.0, 2.0]


def test_the_backfill_topic_is_kept_with_the_message() -> None:
    _, batch = take({"values": {"dc01.dp": 1}}, backfill=True)
    assert batch.messages.backfill.tolist() == [True]


def test_a_message_without_readings_still_counts_for_its_number() -> None:
    head, batch = take({"boot": "b7", "seq": 5, "readings": []})
    assert head == MessageHead("b7", 5, None, 0, ())
    assert len(batch) == 0
    assert batch.messages.sequence.tolist() == [5]


# Times.


def test_a_readings_own_time_wins() -> None:
    _, batch = one({"s": "g03.lel", "v": 2, "ts": "2026-03-05T08:15:31+08:00"})
    assert batch.time.tolist() == [MESSAGE_MS * 1000, 1_772_669_731_000_000]


def test_readings_that_all_have_their_own_time_need_none_of_the_message() -> None:
    _, batch = take(
        {"readings": [{"s": "dc01.dp", "v": 1, "ts": 5}, {"s": "g03.lel", "v": 2, "ts": 6.5}]}
    )
    assert batch.time.tolist() == [5000, 6500]
    assert batch.reason.tolist() == [0, 0]
    _, batch = take(
        {"readings": [{"s": "dc01.dp", "v": 1, "ts": 5}, {"s": "g03.lel", "v": 2, "ts": 6}]}
    )
    assert batch.time.tolist() == [5000, 6000]
    assert batch.reason.tolist() == [0, 0]


def test_without_any_time_the_time_of_reception_is_taken_and_flagged() -> None:
    _, batch = take({"seq": 3, "readings": [{"s": "dc01.dp", "v": 1}]})
    assert batch.time.tolist() == [RECEIVED]
    assert batch.reason.tolist() == [Reason.NO_DEVICE_TIME]


def test_without_time_and_number_there_is_no_identity() -> None:
    _, batch = take({"readings": [{"s": "dc01.dp", "v": 1}, {"s": "g03.lel", "v": 1, "ts": 5}]})
    assert batch.reason.tolist() == [Reason.NO_DEVICE_TIME | Reason.NO_IDENTITY, 0]


def test_a_null_time_is_no_time() -> None:
    _, batch = take({"ts": None, "seq": 1, "readings": [{"s": "dc01.dp", "v": 1, "ts": None}]})
    assert batch.time.tolist() == [RECEIVED]


@pytest.mark.parametrize(
    "wrong", [True, "yesterday", -1, [], "2026-03-05T08:15:30", "1969-12-31T23:59:59Z"]
)
def test_a_reading_with_a_wrong_time_is_refused_alone(wrong: object) -> None:
    rejection = refused({"s": "g03.lel", "v": 2, "ts": wrong})
    assert (rejection.path, rejection.cause) == ("readings[1].ts", Cause.TIME)


def test_a_wrong_time_among_plain_times_is_refused_alone() -> None:
    head, batch = take(
        {"readings": [{"s": "dc01.dp", "v": 1, "ts": 5}, {"s": "g03.lel", "v": 2, "ts": -6}]}
    )
    assert batch.time.tolist() == [5000]
    assert [error.path for error in head.errors] == ["readings[1].ts"]


def test_a_wrong_time_of_the_message_refuses_only_what_depends_on_it() -> None:
    head, batch = take(
        {"ts": -1, "readings": [{"s": "dc01.dp", "v": 1}, {"s": "g03.lel", "v": 2, "ts": 5}]}
    )
    assert batch.sensor.tolist() == [2]
    assert batch.reason.tolist() == [0]
    assert [error.path for error in head.errors] == ["ts", "readings[0].ts"]


@pytest.mark.parametrize(
    "beyond", [4_294_967_295_000, 4_102_444_800_000, 1e300, 10**400, "2100-01-01T00:00:00Z"]
)
def test_a_time_beyond_2099_is_taken_as_the_last_there_is_so_that_the_clock_is_judged(
    beyond: object,
) -> None:
    head, batch = one({"s": "g03.lel", "v": 60, "ts": beyond})
    assert head.errors == ()
    assert batch.time.tolist() == [MESSAGE_MS * 1000, LAST_TIME]
    head, batch = take({"ts": beyond, "readings": [{"s": "g03.lel", "v": 60}]})
    assert head.errors == ()
    assert (batch.time.tolist(), batch.value.tolist()) == ([LAST_TIME], [60.0])
    assert batch.reason.tolist() == [0]


@pytest.mark.parametrize("wrong", ["now", 4_294_967_295_000, "2100-01-01T00:00:00Z"])
def test_a_wrong_sending_time_costs_no_reading(wrong: object) -> None:
    head, batch = take({"sent": wrong, "readings": [{"s": "dc01.dp", "v": 1}]})
    assert batch.messages.sent.tolist() == [NO_TIME]
    assert (head.sent, head.readings_accepted) == (None, 1)
    assert [error.path for error in head.errors] == ["sent"]


# Who sent it, and which of his messages it is.


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "7", True, [1], 2**53, 1e300])
def test_a_wrong_number_is_answered_and_the_message_taken_without_it(wrong: object) -> None:
    head, batch = take({"boot": "b7", "seq": wrong, "readings": [{"s": "dc01.dp", "v": 1}]})
    assert (head.boot, head.seq, head.readings_accepted) == (None, None, 1)
    assert [(error.path, error.cause) for error in head.errors] == [("seq", Cause.HEAD)]
    assert batch.messages.sequence.tolist() == [NO_SEQUENCE]


@pytest.mark.parametrize("wrong", [7, "x" * 33, "a\nb", "\0", "\ud800", True])
def test_a_wrong_boot_is_answered_and_its_number_ignored(wrong: object) -> None:
    head, batch = take({"boot": wrong, "seq": 7, "readings": [{"s": "dc01.dp", "v": 1}]})
    assert (head.boot, head.seq, head.readings_accepted) == (None, None, 1)
    assert [(error.path, error.cause) for error in head.errors] == [("boot", Cause.HEAD)]
    assert batch.messages.boots == ()


def test_a_whole_number_written_as_a_fraction_is_that_number() -> None:
    assert take({"seq": 7.0, "values": {}})[0].seq == 7


def test_a_boot_may_be_any_short_text() -> None:
    assert take({"boot": "启动 7", "seq": 1, "values": {}})[0].boot == "启动 7"


# Values.


@pytest.mark.parametrize(
    ("given", "number"),
    [(3, 3.0), (-0.5, -0.5), (True, 1.0), (False, 0.0), (10**300, 1e300), (2**63, 2.0**63)],
)
def test_numbers_and_booleans_are_values(given: object, number: float) -> None:
    _, batch = one({"s": "g03.lel", "v": given})
    assert batch.value.tolist() == [1.0, number]
    assert batch.quality.tolist() == [Quality.GOOD] * 2
    _, batch = one({"s": "g03.lel", "v": given, "q": "U"})
    assert batch.value.tolist() == [1.0, number]
    assert batch.quality.tolist() == [Quality.GOOD, Quality.UNCERTAIN]


def test_the_name_of_a_state_is_stored_as_its_number() -> None:
    _, batch = one({"s": "g03.valve", "v": "open"})
    assert batch.value.tolist() == [1.0, 1.0]


def test_a_null_is_no_value_and_bad_whatever_was_claimed() -> None:
    for letter in ("G", "M"):
        head, batch = one({"s": "g03.lel", "v": None, "q": letter})
        assert head.errors == ()
        assert math.isnan(batch.value[1])
        assert batch.quality[1] == Quality.BAD
        assert batch.reason[1] == Reason.NULL_VALUE


@pytest.mark.parametrize(
    "literal",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1" + "0" * 400,
        "9" * 5000,
        "-" + "9" * 5000,
        "1." + "9" * 100_000 + "e999",
    ],
)
def test_a_value_that_is_not_finite_is_bad_and_costs_no_other(literal: str) -> None:
    head, batch = take(
        '{"ts": 1772669730000, "boot": "b7", "seq": 9, "readings": '
        f'[{{"s": "dc01.dp", "v": {literal}}}, {{"s": "g03.lel", "v": 3.2}}]}}'
    )
    assert (head.boot, head.seq, head.errors) == ("b7", 9, ())
    assert math.isnan(batch.value[0])
    assert batch.value[1] == 3.2
    assert batch.quality.tolist() == [Quality.BAD, Quality.GOOD]
    assert batch.reason.tolist() == [Reason.NON_FINITE, 0]


def test_a_text_that_is_no_state_is_refused_with_the_names_there_are() -> None:
    rejection = refused({"s": "g03.valve", "v": "ajar"})
    assert (rejection.path, rejection.cause) == ("readings[1].v", Cause.STATE)
    assert "closed, open" in rejection.reason
    assert "send a number" in refused({"s": "g03.lel", "v": "3.2"}).reason


@pytest.mark.parametrize("wrong", [[], {}, [1]])
def test_a_value_of_another_type_is_refused(wrong: object) -> None:
    rejection = refused({"s": "g03.lel", "v": wrong})
    assert (rejection.path, rejection.cause) == ("readings[1].v", Cause.VALUE)


def test_a_missing_value_is_refused() -> None:
    assert refused({"s": "g03.lel"}) == Rejection("readings[1].v", "v is missing", Cause.VALUE)


# Quality.


@pytest.mark.parametrize(
    ("letter", "quality", "reason"),
    [
        ("G", Quality.GOOD, 0),
        ("U", Quality.UNCERTAIN, 0),
        ("B", Quality.BAD, Reason.DEVICE_FAULT),
        ("C", Quality.CALIBRATION, 0),
        ("M", Quality.MAINTENANCE, 0),
        ("F", Quality.STOPPED, 0),
        ("E", Quality.ESTIMATED, 0),
        (None, Quality.GOOD, 0),
    ],
)
def test_the_letters_of_quality(letter: str | None, quality: Quality, reason: int) -> None:
    _, batch = one({"s": "g03.lel", "v": 2, "q": letter})
    assert batch.quality.tolist() == [Quality.GOOD, quality]
    assert batch.reason.tolist() == [0, reason]


@pytest.mark.parametrize("wrong", ["O", "g", "", "GOOD", 0, []])
def test_offline_and_unknown_letters_are_refused(wrong: object) -> None:
    rejection = refused({"s": "g03.lel", "v": 2, "q": wrong})
    assert (rejection.path, rejection.cause) == ("readings[1].q", Cause.QUALITY)


# Tags.


def test_an_unknown_sensor_is_refused_alone_and_named() -> None:
    rejection = refused({"s": "g04.lel", "v": 2})
    assert (rejection.path, rejection.cause) == ("readings[1].s", Cause.UNKNOWN_SENSOR)
    assert "'g04.lel'" in rejection.reason


def test_an_unknown_sensor_of_the_short_form_is_named_in_the_path() -> None:
    head, batch = take({"ts": MESSAGE_MS, "values": {"dc01.dp": 1, "nope": 2}})
    assert batch.sensor.tolist() == [1]
    assert [error.path for error in head.errors] == ["values['nope']"]


@pytest.mark.parametrize(
    "wrong", ["", "x" * 129, "a\tb", "\x7f", "\ud800", None, 7, ["dc01.dp"], {}]
)
def test_what_cannot_be_a_tag_is_refused_as_such(wrong: object) -> None:
    rejection = refused({"s": wrong, "v": 2})
    assert (rejection.path, rejection.cause) == ("readings[1].s", Cause.TAG)
    rejection.reason.encode()


def test_a_reading_without_a_tag_is_refused() -> None:
    assert refused({"v": 2}).path == "readings[1].s"


@pytest.mark.parametrize("wrong", [1, "dc01.dp", None, []])
def test_a_reading_that_is_no_object_is_refused_alone(wrong: object) -> None:
    head, batch = take({"ts": MESSAGE_MS, "readings": [wrong, {"s": "dc01.dp", "v": 1}]})
    assert batch.sensor.tolist() == [1]
    assert [(error.path, error.cause) for error in head.errors] == [("readings[0]", Cause.SHAPE)]


# Very many refusals.


@pytest.mark.parametrize(
    ("payload", "count", "cause"),
    [
        ({"readings": [0] * 100_000}, 100_000, Cause.SHAPE),
        ({"values": dict.fromkeys(map(str, range(20_000)), 0)}, 20_000, Cause.UNKNOWN_SENSOR),
    ],
    ids=["no objects", "unknown tags"],
)
def test_a_message_of_nothing_but_mistakes_has_few_rejections_that_count_them_all(
    payload: dict[str, Any], count: int, cause: Cause
) -> None:
    head, _ = take(json.dumps(payload, separators=(",", ":")))
    assert head.readings_accepted == 0
    assert len(head.errors) <= MAX_ERRORS
    assert {error.cause for error in head.errors} == {cause}
    assert sum(error.mistakes for error in head.errors) == count
    last = head.errors[-1]
    assert (last.path, last.mistakes) == ("", count - len(head.errors) + 1)
    assert last.reason.startswith(f"and {last.mistakes} more: ")


def test_mistakes_beyond_the_named_ones_are_counted_by_cause_and_good_readings_stay() -> None:
    nobody, unnamed, good = {"s": "nobody", "v": 1}, {"v": 1}, {"s": "dc01.dp", "v": 1}
    head, batch = take({"sent": "now", "readings": [nobody, unnamed] * 200 + [good]})
    assert batch.sensor.tolist() == [1]
    assert len(head.errors) <= MAX_ERRORS
    counted: Counter[Cause] = Counter()
    for error in head.errors:
        counted[error.cause] += error.mistakes
    assert counted == {Cause.TIME: 1, Cause.UNKNOWN_SENSOR: 200, Cause.TAG: 200}
    assert [error.path for error in head.errors[:2]] == ["sent", "readings[0].s"]


def test_a_few_mistakes_are_each_named() -> None:
    head, _ = take({"readings": [{"s": "nobody", "v": 1}] * 50})
    assert [error.path for error in head.errors] == [f"readings[{k}].s" for k in range(50)]
    assert {error.mistakes for error in head.errors} == {1}


# Messages of which nothing can be read.


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"not json",
        b'{"readings": [}',
        b'{"ts": 1}{"ts": 2}',
        b"\xff\xfe",
        b'{"values": {"a": nan}}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"readings": [{"s": "dc01.dp", "v": 1}], "x": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_what_is_no_json_is_unreadable(payload: bytes) -> None:
    assert malformed(payload).cause is Cause.UNREADABLE


@pytest.mark.parametrize(
    "payload",
    [[], 1, "null", {}, {"ts": 1}, {"readings": {}}, {"values": []}, {"readings": 1, "values": {}}],
)
def test_json_of_another_shape_is_no_message(payload: object) -> None:
    assert malformed(payload).cause is Cause.SHAPE


def test_an_oversize_message_is_refused_whole_and_the_largest_is_taken() -> None:
    padding = MAX_BYTES - len('{"values":{},"x":""}')
    largest = '{"values":{},"x":"' + "x" * padding + '"}'
    assert take(largest)[0].readings_accepted == 0
    assert malformed(largest + " ").cause is Cause.OVERSIZE


def test_a_malformed_message_leaves_the_builder_as_it_was() -> None:
    builder = BatchBuilder()
    with pytest.raises(MalformedMessage) as caught:
        decode(b"{", TAGS, RECEIVED, builder, 7, False)
    assert (builder.messages, len(builder)) == (0, 0)
    assert caught.value.rejection == Rejection("", caught.value.reason, Cause.UNREADABLE)
    assert str(caught.value) == caught.value.reason
