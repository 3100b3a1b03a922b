"""A message that is written and read again says the same."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.readings import Quality, Reason
from domain.wire import (
    BatchBuilder,
    MessageHead,
    OutgoingReading,
    SensorRef,
    decode,
    encode_message,
)
from domain.wire.times import END_OF_TIME

TAGS = {f"t{k}": SensorRef(k, {"closed": 0.0, "开启": 1.0}) for k in range(5)}
times = st.integers(0, END_OF_TIME - 1)
claimed = st.sampled_from([quality for quality in Quality if quality is not Quality.OFFLINE])
readings = st.builds(
    OutgoingReading,
    st.sampled_from(sorted(TAGS)),
    st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.sampled_from(["closed", "开启"]),
    st.none() | times,
    claimed,
)


@given(
    st.lists(readings, max_size=8),
    times,
    st.none() | times,
    st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=32),
    st.none() | st.integers(1, 2**53 - 1),
)
def test_what_is_written_is_read_back(
    written: list[OutgoingReading], time: int, sent: int | None, boot: str | None, seq: int | None
) -> None:
    builder = BatchBuilder()
    payload = encode_message(written, time=time, sent=sent, boot=boot, seq=seq)
    head = decode(payload, TAGS, 0, builder, 1, False)
    assert head == MessageHead(boot, seq, sent, len(written), ())
    batch = builder.build()
    numbers = {None: math.nan, "closed": 0.0, "开启": 1.0}
    expected = [
        numbers[reading.value]
        if reading.value is None or isinstance(reading.value, str)
        else float(reading.value)
        for reading in written
    ]
    np.testing.assert_array_equal(batch.value, np.array(expected, np.float64))
    assert batch.sensor.tolist() == [TAGS[reading.tag].id for reading in written]
    assert batch.time.tolist() == [
        time if reading.time is None else reading.time for reading in written
    ]
    assert batch.quality.tolist() == [
        Quality.BAD if reading.value is None else reading.quality for reading in written
    ]
    null, fault = Reason.NULL_VALUE, Reason.DEVICE_FAULT
    assert batch.reason.tolist() == [
        (null if reading.value is None else 0) | (fault if reading.quality is Quality.BAD else 0)
        for reading in written
    ]


def test_what_is_not_given_is_not_written() -> None:
    assert json.loads(encode_message([OutgoingReading("a", 1.5)])) == {
        "readings": [{"s": "a", "v": 1.5}]
    }


def test_a_number_that_json_cannot_write_becomes_null() -> None:
    payload = encode_message([OutgoingReading("a", math.nan), OutgoingReading("b", math.inf)])
    assert [reading["v"] for reading in json.loads(payload)["readings"]] == [None, None]


def test_offline_cannot_be_claimed() -> None:
    with pytest.raises(KeyError):
        encode_message([OutgoingReading("a", 1.0, quality=Quality.OFFLINE)])
