"""The head of a message is found without reading the rest, even of one that cannot be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.wire import MAX_BYTES, BatchBuilder, MalformedMessage, decode, peek_sequence

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_boot_and_number_are_read_wherever_they_stand() -> None:
    assert peek_sequence(b'{"readings": [{"s": "a", "v": 1}], "seq": 3, "boot": "b7"}') == ("b7", 3)


def test_a_message_without_them_has_none() -> None:
    assert peek_sequence(b'{"values": {}}') == (None, None)


def test_a_number_without_a_boot_is_a_number() -> None:
    assert peek_sequence(b'{"seq": 3.0}') == (None, 3)


@pytest.mark.parametrize(
    "payload",
    [b'{"boot": 7, "seq": 3}', b'{"boot": "b7", "seq": "3"}', b'{"boot": "b7", "seq": 0}'],
)
def test_an_unusable_head_is_none_at_all(payload: bytes) -> None:
    assert peek_sequence(payload) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ts": 1, "boot": "b7", "seq": 3, "readings": [{"s": "a", "v": nan}]}',
        b'{"ts": 1, "seq" : 3 ,\n"boot": "b7", "readings": [{"s": "a", "v": 1',
        b'{"boot": "b7", "seq": 3}}',
        b'{"boot": "b7", "seq": 3, "values": {"a": "\xff"}',
    ],
)
def test_the_head_of_what_is_not_json_is_seen_before_its_first_inner_object(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(payload, {}, 0, BatchBuilder(), 1, False)
    assert peek_sequence(payload) == ("b7", 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"seq: 3",
        b'{"readings": [{"seq": 3, "v": nan}]}',
        b'{"x": {"boot": "b7", "seq": 3',
        b'{"boot": "b7", "seq": 3',
        b'{"boot": "b7", "seq": 12345678901234567890, "v": nan}',
    ],
)
def test_a_number_that_may_be_another_one_is_not_taken(payload: bytes) -> None:
    assert peek_sequence(payload)[1] is None


@pytest.mark.parametrize(
    "payload",
    [
        b'{"seq": 5, "readings": [{"s": "a", "v": 1}], "boot": "b7"',
        b'{"seq": 5, "readings": [{"s": "a", "v": 1},], "boot": "b7"}',
        b'{"seq": 5, "readings": [{"s": "a", "v": 1',
        b'{"seq": 5, "readings": [{"s": "a", "v": nan}',
        b'{"seq": 5, "boot": "a\\"b", "v": nan}',
    ],
)
def test_a_number_whose_boot_may_stand_behind_what_cannot_be_read_is_not_taken(
    payload: bytes,
) -> None:
    assert peek_sequence(payload) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"seq": 5, "readings": [{"s": "a", "v": nan}]}\n',
        b'{"ts": 1, "seq": 5, "v": nan}',
    ],
)
def test_a_whole_message_without_a_boot_has_none(payload: bytes) -> None:
    assert peek_sequence(payload) == (None, 5)


def test_a_boot_that_is_not_utf_8_makes_the_head_unusable() -> None:
    assert peek_sequence(b'{"boot": "\xff", "seq": 3, nan}') == (None, None)


def test_literals_that_json_has_not_hide_no_head() -> None:
    assert peek_sequence(b'{"values": {"a": NaN}, "boot": "b7", "seq": 3}') == ("b7", 3)


def test_the_head_of_an_oversize_message_is_read() -> None:
    padding = "x" * MAX_BYTES
    assert peek_sequence(f'{{"x": "{padding}", "boot": "b7", "seq": 3}}'.encode()) == ("b7", 3)
    assert peek_sequence(f'{{"boot": "b7", "seq": 3, "x": "{padding}"'.encode()) == ("b7", 3)


@given(
    st.dictionaries(
        st.sampled_from(["boot", "seq", "values", "readings", "ts", "sent"]), json_values
    )
)
def test_a_peek_sees_what_decoding_sees(message: dict[str, object]) -> None:
    message.setdefault("values", {})
    payload = json.dumps(message).encode()
    try:
        head = decode(payload, {}, 0, BatchBuilder(), 1, False)
    except MalformedMessage:
        peek_sequence(payload)
    else:
        boot, seq = peek_sequence(payload)
        assert seq == head.seq
        assert boot == head.boot or seq is None
