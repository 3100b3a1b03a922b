"""MQTT 3.1.1 packets, as far as a subscriber needs them: bytes to values and back, no I/O.

The clauses named are those of the OASIS standard, MQTT version 3.1.1. Reading is the hot path of
ingest: one pass over what the socket gave, one slice for the topic and one for the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

LARGEST_KEPT: Final = 2 * 1024 * 1024
"""Bytes of a packet that are kept; the rest of a larger one is skipped as it comes."""
_CONNECT: Final = 0x10
_SUBSCRIBE: Final = 0x82
_PUBLISH: Final = 0x30
PINGREQ: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"
_REFUSALS: Final = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not accept the client id",
    3: "it is not available",
    4: "wrong user name or password",
    5: "not authorised",
}


class Kind(IntEnum):
    """Packet types that come from a broker, besides PUBLISH (2.2.1)."""

    CONNACK = 0x20
    PUBACK = 0x40
    SUBACK = 0x90
    PINGRESP = 0xD0


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A PUBLISH the broker sent us."""

    topic: bytes
    payload: bytes
    packet_id: int
    """0 for QoS 0, which is not acknowledged."""
    retained: bool
    duplicate: bool
    """The broker says that it has sent this before (DUP, 3.3.1.1)."""


class Control(NamedTuple):
    """Any other packet."""

    kind: Kind
    body: bytes


class ProtocolViolation(Exception):
    """The broker sent what no MQTT 3.1.1 broker may send."""


class PacketReader:
    """Cuts the broker's bytes into packets, however they were cut on the way."""

    def __init__(self) -> None:
        self._rest = b""
        self._to_skip = 0

    def feed(self, data: bytes) -> tuple[list[Delivery], list[Control]]:
        """Take the next bytes; return the packets they complete, deliveries and others.

        Raises:
            ProtocolViolation: the bytes are not MQTT; nothing after them can be read.
        """
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if self._rest:
            data = self._rest + data
        deliveries: list[Delivery] = []
        controls: list[Control] = []
        at, end = 0, len(data)
        while end - at >= 2:
            header, length, body = data[at], data[at + 1], at + 2
            if length >= 0x80:
                found = _remaining_length(data, at + 1)
                if found is None:
                    break
                length, body = found
            stop = body + length
            if stop > end:
                if length <= LARGEST_KEPT or end - body < LARGEST_KEPT:
                    break
                self._to_skip = stop - end
                stop = end
            if header & 0xF0 == _PUBLISH:
                deliveries.append(_delivery(data, header, body, stop))
            else:
                controls.append(_control(header, data[body:stop]))
            at = stop
        self._rest = data[at:]
        return deliveries, controls


def _remaining_length(data: bytes, at: int) -> tuple[int, int] | None:
    """(length, index after it), 2.2.3; None if it is not complete yet."""
    length = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        digit = data[at + place]
        length |= (digit & 0x7F) << 7 * place
        if digit < 0x80:
            return length, at + place + 1
    raise ProtocolViolation("a remaining length of more than four bytes (2.2.3)")


def _delivery(data: bytes, header: int, body: int, stop: int) -> Delivery:
    topic_end = body + 2 + (data[body] << 8 | data[body + 1]) if stop - body >= 2 else stop + 1
    start = topic_end + 2 if header & 0x06 else topic_end
    if start > stop:
        raise ProtocolViolation("a PUBLISH shorter than its topic (3.3)")
    return Delivery(
        data[body + 2 : topic_end],
        data[start:stop],
        data[topic_end] << 8 | data[topic_end + 1] if header & 0x06 else 0,
        bool(header & 0x01),
        bool(header & 0x08),
    )


def _control(header: int, body: bytes) -> Control:
    try:
        return Control(Kind(header & 0xF0), body)
    except ValueError:
        raise ProtocolViolation(f"a packet of type {header >> 4} from a broker") from None


def connect(
    *, client_id: str, username: str, password: str, keep_alive_s: int, clean: bool = False
) -> bytes:
    """CONNECT with a session that the broker keeps, or with a `clean` one, which ends it (3.1)."""
    flags = (0x80 if username else 0) | (0x40 if password else 0) | (0x02 if clean else 0)
    texts = [client_id, *([username] if username else ()), *([password] if password else ())]
    head = b"\x00\x04MQTT\x04" + struct.pack(">BH", flags, keep_alive_s)
    return _packet(_CONNECT, head + b"".join(_text(text) for text in texts))


def subscribe(packet_id: int, filters: Sequence[str]) -> bytes:
    """SUBSCRIBE to all filters with QoS 1 (3.8)."""
    wanted = b"".join(_text(topic) + b"\x01" for topic in filters)
    return _packet(_SUBSCRIBE, struct.pack(">H", packet_id) + wanted)


def publish(topic: str, payload: bytes, packet_id: int = 0) -> bytes:
    """PUBLISH with QoS 1, or with QoS 0 if there is no packet id (3.3)."""
    identity = struct.pack(">H", packet_id) if packet_id else b""
    return _packet(_PUBLISH | (0x02 if packet_id else 0), _text(topic) + identity + payload)


def acknowledgements(packet_ids: NDArray[np.uint16]) -> bytes:
    """One PUBACK for each id, in order (3.4)."""
    packets = np.empty((len(packet_ids), 2), ">u2")
    packets[:, 0] = Kind.PUBACK << 8 | 2
    packets[:, 1] = packet_ids
    return packets.tobytes()


def refusal(body: bytes) -> str | None:
    """Why a CONNACK refuses, None if it accepts (3.2.2.3).

    Raises:
        ProtocolViolation: it is not a CONNACK.
    """
    if len(body) != 2:
        raise ProtocolViolation("a CONNACK of the wrong length (3.2)")
    return _REFUSALS.get(body[1], f"code {body[1]}") if body[1] else None


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded


def _packet(header: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 0x80)
        digits.append(digit | 0x80 if length else digit)
        if not length:
            return bytes((header, *digits)) + body
