"""PUBLISH packets made by the thousand: fixed-width rows in which only numbers are written anew.

JSON allows spaces before a number and after the message, so every message of a gateway can have
the same length. A packet is then a row of bytes with places for packet id, `ts`, `sent` and `seq`,
and numpy writes those places for many rows at once: well under a microsecond a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.broker import topic

PUBLISH_QOS1: Final = 0x32
DUPLICATE: Final = 0x08
TIME_DIGITS: Final = 13
"""Milliseconds since the epoch until the year 2286."""
SEQ_DIGITS: Final = 10
VALUE_FORMAT: Final = "%9.3f"


class Templates:
    """The packets of one gateway: b blocks of sensors, each in some variants of values.

    Args:
        gateway: its id.
        tags: its sensors; consecutive `per_message` of them make a block.
        per_message: readings in a message; the last block may have fewer.
        boot: the boot that all messages name.
        variants: how many sets of values there are.
        value: value of the sensor (index in `tags`) in a variant.
    """

    def __init__(
        self,
        gateway: str,
        tags: Sequence[str],
        *,
        per_message: int,
        boot: str,
        variants: int,
        value: Callable[[int, int], float],
    ) -> None:
        self.blocks = [tuple(tags[k : k + per_message]) for k in range(0, len(tags), per_message)]
        self._variants = variants
        name = topic(gateway, "telemetry").encode()
        bodies = [
            _body(block, boot, [value(index * per_message + k, variant) for k in range(len(block))])
            for index, block in enumerate(self.blocks)
            for variant in range(variants)
        ]
        width = max(map(len, bodies))
        head = bytes([PUBLISH_QOS1]) + _remaining_length(2 + len(name) + 2 + width)
        head += len(name).to_bytes(2, "big") + name
        self._pid_at = len(head)
        start = self._pid_at + 2
        rows = b"".join(head + b"\0\0" + body.ljust(width) for body in bodies)
        self._rows = np.frombuffer(rows, np.uint8).reshape(len(bodies), -1)
        body = bodies[0]
        self._ts_at = start + body.index(b'"ts":') + 5
        self._sent_at = start + body.index(b'"sent":') + 7
        self._seq_at = start + body.index(b'"seq":') + 6

    @property
    def packet_bytes(self) -> int:
        """Length of every packet."""
        return int(self._rows.shape[1])

    def packets(
        self,
        block: NDArray[np.int64],
        turn: NDArray[np.int64],
        *,
        pid: NDArray[np.int64],
        ts: NDArray[np.int64],
        sent: int,
        seq: NDArray[np.int64],
        duplicate: bool = False,
    ) -> bytes:
        """Make n packets, one after the other.

        Args:
            block: (n,) which block of sensors each carries.
            turn: (n,) how often the block was sent before: chooses the variant.
            pid: (n,) packet ids.
            ts: (n,) event times, ms.
            sent: gateway's clock at sending, ms.
            seq: (n,) sequence numbers.
            duplicate: set the DUP flag.
        """
        packets: NDArray[np.uint8] = self._rows[block * self._variants + turn % self._variants]
        if duplicate:
            packets[:, 0] |= DUPLICATE
        packets[:, self._pid_at] = pid >> 8
        packets[:, self._pid_at + 1] = pid & 0xFF
        packets[:, self._ts_at : self._ts_at + TIME_DIGITS] = _digits(ts, TIME_DIGITS)
        now = np.frombuffer(b"%13d" % sent, np.uint8)
        packets[:, self._sent_at : self._sent_at + TIME_DIGITS] = now
        packets[:, self._seq_at : self._seq_at + SEQ_DIGITS] = _digits(seq, SEQ_DIGITS)
        return packets.tobytes()


def _body(block: Sequence[str], boot: str, values: Sequence[float]) -> bytes:
    zero_time, zero_seq = "0".rjust(TIME_DIGITS), "0".rjust(SEQ_DIGITS)
    readings = ",".join(
        f'{{"s":"{tag}","v":{VALUE_FORMAT % value}}}'
        for tag, value in zip(block, values, strict=True)
    )
    return (
        f'{{"ts":{zero_time},"sent":{zero_time},"boot":"{boot}","seq":{zero_seq},'
        f'"readings":[{readings}]}}'
    ).encode()


_POWERS: Final = 10 ** np.arange(TIME_DIGITS, dtype=np.int64)[::-1]


def _digits(numbers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Right-aligned decimal digits as ASCII, uint8 (n, width), blanks in front."""
    powers = _POWERS[-width:]
    shifted = numbers[:, None] // powers
    digits = (shifted % 10 + 48).astype(np.uint8)
    digits[shifted == 0] = 32
    return digits


def _remaining_length(length: int) -> bytes:
    """MQTT 3.1.1 section 2.2.3: seven bits a byte, least first."""
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (128 if length else 0))
        if not length:
            return bytes(encoded)
