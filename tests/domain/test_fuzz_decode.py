"""Whatever a gateway sends, decoding takes it or says MalformedMessage: nothing else escapes.

Whatever is taken is a batch that the journal's own strict reader accepts, and every answer to it
can be written.
"""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.readings import Quality, ReadingBatch
from domain.wire import (
    BatchBuilder,
    MalformedMessage,
    SensorRef,
    decode,
    decode_status,
    encode_rejected,
    peek_sequence,
)
from domain.wire.times import END_OF_TIME

TAGS = {"a": SensorRef(1), "门": SensorRef(2, {"open": 1.0}), "c.d": SensorRef(3)}
RECEIVED = 1_772_669_730_000_000
EXAMPLE = """{"ts": 1772669730000, "sent": 1772669731120, "boot": "b7", "seq": 18231,
 "readings": [{"s": "a", "v": 812.0}, {"s": "a", "v": 3.2e-1, "ts": 1772669730500, "q": "G"},
              {"s": "门", "v": "open"}, {"s": "c.d", "v": null, "ts": "2026-03-05T08:15:30.5+08:00"}],
 "values": {"a": true, "b\\u0041": -1}}""".encode()

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["a", "门", "open", "G", "M", "O", "2026-03-05T08:15:30Z", 10**400, 1772669730000]
    )
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
reading = st.fixed_dictionaries({}, optional=dict.fromkeys(("s", "v", "ts", "q"), anything))
likely = st.fixed_dictionaries(
    {"s": st.sampled_from(sorted(TAGS)), "v": leaves}, optional={"ts": leaves, "q": leaves}
)
message = st.fixed_dictionaries(
    {},
    optional={
        "ts": anything,
        "sent": anything,
        "boot": anything,
        "seq": anything,
        "readings": st.lists(likely | reading | anything, max_size=4) | anything,
        "values": st.dictionaries(st.sampled_from(sorted(TAGS)) | st.text(), leaves) | anything,
    },
)


def take(payload: bytes) -> None:
    builder = BatchBuilder()
    peeked = peek_sequence(payload)
    decode_status(payload)
    try:
        head = decode(payload, TAGS, RECEIVED, builder, 7, False)
    except MalformedMessage as malformed:
        assert builder.messages == 0
        encode_rejected(*peeked, [malformed.rejection])
        return
    if head.seq is not None:
        assert peeked == (head.boot, head.seq)
    encode_rejected(head.boot, head.seq, head.errors)
    batch = ReadingBatch.from_bytes(builder.build().to_bytes())
    assert len(batch.messages) == 1
    assert len(batch) == head.readings_accepted
    assert ((batch.time >= 0) & (batch.time < END_OF_TIME)).all()
    finite = np.isfinite(batch.value)
    assert (finite | (batch.quality == Quality.BAD)).all()
    assert (finite | np.isnan(batch.value)).all()


@given(message)
@example({"sent": 1.7e308, "values": {}})
@example({"readings": [{"s": "a", "v": 1e308}, {"s": "a", "v": 1e308}, {"s": "c.d", "v": -1e308}]})
def test_any_json_is_taken_or_refused(document: object) -> None:
    take(json.dumps(document).encode())


@given(anything)
def test_any_other_json_is_taken_or_refused(document: object) -> None:
    take(json.dumps(document, ensure_ascii=True).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(payload: bytes) -> None:
    take(payload)


@pytest.mark.parametrize("seed", range(20))
def test_a_good_message_damaged_anywhere_is_taken_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        payload = bytearray(EXAMPLE)
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(payload))
            match chance.randrange(4):
                case 0:
                    payload[start] = chance.randrange(256)
                case 1:
                    del payload[start : start + chance.randint(1, 20)]
                case 2:
                    payload[start:start] = payload[start : start + chance.randint(1, 40)]
                case _:
                    payload[start:start] = chance.choice(
                        [b"NaN", b"1e999", b"[", b'"', b"\xff", b"{", b"\0"]
                    )
        take(bytes(payload))
