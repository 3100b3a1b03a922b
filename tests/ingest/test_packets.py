"""MQTT packets: any cut of the bytes gives the same packets, and nothing breaks the reader."""

from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import packets
from ingest.packets import Control, Delivery, Kind, PacketReader, ProtocolViolation

TOPICS = st.text(min_size=1, max_size=40).filter(lambda text: len(text.encode("utf-8", "ignore")))
MESSAGES = st.lists(
    st.tuples(st.integers(1, 0xFFFF) | st.just(0), st.binary(max_size=300)), max_size=12
)


def wire(messages: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        packets.publish("vedette/v1/g/telemetry", body, number) for number, body in messages
    )


@given(MESSAGES, st.lists(st.integers(0, 4000), max_size=10))
def test_however_the_bytes_are_cut_the_messages_are_the_same(
    messages: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = wire(messages) + packets.PINGREQ.replace(b"\xc0", b"\xd0")
    reader = PacketReader()
    deliveries: list[Delivery] = []
    controls: list[Control] = []
    for start, stop in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
        got, others = reader.feed(data[start:stop])
        deliveries += got
        controls += others
    assert [(one.packet_id, one.payload) for one in deliveries] == messages
    assert {one.topic for one in deliveries} <= {b"vedette/v1/g/telemetry"}
    assert controls == [Control(Kind.PINGRESP, b"")]


@given(st.binary(max_size=400))
def test_garbage_is_a_violation_or_waits_for_more_and_nothing_else(garbage: bytes) -> None:
    with suppress(ProtocolViolation):
        PacketReader().feed(garbage)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 300_000])
def test_every_length_is_written_as_it_is_read(size: int) -> None:
    body = bytes(size)
    [delivery], _ = PacketReader().feed(packets.publish("t", body, 7))
    assert delivery == Delivery(b"t", body, 7, retained=False, duplicate=False)


def test_a_copy_says_that_it_is_one() -> None:
    first = packets.publish("t", b"x", 7)
    copy = bytes([first[0] | 0x08]) + first[1:]
    deliveries, _ = PacketReader().feed(first + copy)
    assert [delivery.duplicate for delivery in deliveries] == [False, True]


def test_of_an_enormous_message_only_the_head_is_kept_and_the_next_one_is_read() -> None:
    enormous = packets.publish("t", bytes(5 * packets.LARGEST_KEPT), 9)
    data = enormous + packets.publish("t", b"next", 10)
    reader = PacketReader()
    got: list[Delivery] = []
    longest = 0
    for start in range(0, len(data), 65_536):
        deliveries, _ = reader.feed(data[start : start + 65_536])
        got += deliveries
        longest = max(longest, len(reader._rest))
    assert [(one.packet_id, len(one.payload) >= 256 * 1024) for one in got] == [
        (9, True),
        (10, False),
    ]
    assert got[1].payload == b"next"
    assert longest <= packets.LARGEST_KEPT + 65_536


def test_the_retain_flag_is_seen() -> None:
    packet = bytearray(packets.publish("t", b"x", 3))
    packet[0] |= 1
    [delivery], _ = PacketReader().feed(bytes(packet))
    assert delivery.retained


def test_acknowledgements_are_one_puback_each() -> None:
    ids = np.array([1, 0x1234, 0xFFFF], np.uint16)
    assert packets.acknowledgements(ids) == b"".join(
        b"\x40\x02" + struct.pack(">H", number) for number in ids
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\x00\x00", None),
        (b"\x00\x04", "user name"),
        (b"\x00\x05", "authorised"),
        (b"\x00\x63", "99"),
    ],
)
def test_a_connack_accepts_or_says_why_not(body: bytes, text: str | None) -> None:
    refusal = packets.refusal(body)
    assert refusal is None if text is None else text in str(refusal)


def test_a_connack_of_another_length_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation):
        packets.refusal(b"\x00")


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x03\x00\x09t",  # a topic longer than its packet
        b"\x30\x00",  # no topic at all
        b"\x10\x00",  # a CONNECT, from a broker
    ],
)
def test_what_no_broker_may_send_is_a_violation(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        PacketReader().feed(data)
