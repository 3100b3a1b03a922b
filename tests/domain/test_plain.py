"""A plain message gives the same rows by the short way as by the closer look."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.wire import BatchBuilder, MessageHead, SensorRef, decode, native
from domain.wire.plain import take_plain

TAGS = {"a": SensorRef(1), "b.c": SensorRef(2), "valve": SensorRef(3, {"closed": 0.0})}
RECEIVED = 1_772_669_732_000_000

values = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
times = st.integers(0, 4_102_444_799_999)
heads = st.fixed_dictionaries(
    {},
    optional={
        "ts": st.none() | times,
        "sent": st.none() | times,
        "boot": st.none() | st.text(max_size=32),
        "seq": st.none() | st.integers(1, 2**53 - 1),
    },
)
one_time = st.fixed_dictionaries(
    {"s": st.sampled_from(sorted(TAGS)), "v": values}, optional={"q": st.just("G")}
)
own_time = st.fixed_dictionaries({"s": st.sampled_from(sorted(TAGS)), "v": values, "ts": times})
bodies = (
    st.lists(one_time, max_size=6).map(lambda readings: {"readings": readings})
    | st.lists(own_time, min_size=1, max_size=6).map(lambda readings: {"readings": readings})
    | st.dictionaries(st.sampled_from(sorted(TAGS)), values).map(lambda short: {"values": short})
)


def closer_look(payload: bytes) -> tuple[MessageHead, bytes]:
    builder = BatchBuilder()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "take_plain", lambda *_: None)
        head = decode(payload, TAGS, RECEIVED, builder, 7, True)
    return head, builder.build().to_bytes()


@given(heads, bodies)
def test_the_short_way_gives_what_the_closer_look_gives(
    head: dict[str, Any], body: dict[str, Any]
) -> None:
    payload = json.dumps(head | body).encode()
    builder = BatchBuilder()
    taken = take_plain(payload, TAGS, RECEIVED, builder, 7, True)
    if taken is None:
        assert builder.messages == 0
        assert any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in head["boot"])
    else:
        assert (taken, builder.build().to_bytes()) == closer_look(payload)


@pytest.mark.parametrize(
    "odd",
    [
        {"values": {"a": 1.0}, "readings": []},
        {"values": {"nobody": 1.0}},
        {"readings": [{"s": "a", "v": 1.0, "ts": 5}, {"s": "a", "v": 1.0}]},
        {"readings": [{"s": "a", "v": 1.0, "q": "U"}]},
        {"readings": [{"s": "a", "v": True}]},
        {"readings": [{"s": "valve", "v": "closed"}]},
        {"readings": [{"s": "a", "v": 1.0}], "ts": "2026-03-05T08:15:30Z"},
        {"readings": [{"s": "a", "v": 1.0}], "ts": 4_102_444_800_000},
        {"readings": [{"s": "a", "v": 1.0}], "seq": 0},
        {"readings": [{"s": "a", "v": 1.0}], "boot": "x" * 33},
        {},
    ],
)
def test_what_is_not_plain_is_left_to_the_closer_look(odd: dict[str, Any]) -> None:
    builder = BatchBuilder()
    assert take_plain(json.dumps(odd).encode(), TAGS, RECEIVED, builder, 7, False) is None
    assert builder.messages == 0
