"""Readings as columns: what every floor above passes around.

A reading is a row in a batch of columns; the message that carried it is a row in the batch's
message columns. Rows keep arrival order. Times are int64 microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final, NewType

import numpy as np
from numpy.typing import NDArray

from domain import layout

Position = NewType("Position", int)
"""Place of an entry in the journal; never repeats, not even across journals."""

NO_TIME: Final = -(2**63)
"""A time that was not given."""
NO_SEQUENCE: Final = -1
"""A message that carried no `seq`."""
MICROSECONDS: Final = 1_000_000


class Quality(IntEnum):
    """Quality of one value; OPC UA's three classes, refined by cause."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    CALIBRATION = 3
    MAINTENANCE = 4
    OFFLINE = 5
    STOPPED = 6
    ESTIMATED = 7


class Reason(IntFlag):
    """Why a reading is not simply a good, live value. Stored beside the quality as bits.

    A COPY came in a message whose (gateway, boot, seq) was taken before. Either it was delivered
    again, or its gateway counts anew without a new boot: it may add a row, but never replace one.
    """

    NO_DEVICE_TIME = 1
    NULL_VALUE = 2
    NON_FINITE = 4
    DEVICE_FAULT = 8
    OVER_RANGE = 16
    UNDER_RANGE = 32
    LATE = 64
    DUPLICATE = 128
    CORRECTION = 256
    STRAGGLER = 512
    HISTORICAL = 1024
    FUTURE = 2048
    NO_IDENTITY = 4096
    COPY = 8192


@dataclass(frozen=True, slots=True, eq=False)
class MessageColumns:
    """The m messages that carried a batch, in arrival order.

    Attributes:
        gateway: int32 (m,), the gateway's number.
        received: int64 µs (m,), server time of reception.
        sent: int64 µs (m,), the gateway's clock at sending, or NO_TIME.
        sequence: int64 (m,), the message's `seq`, or NO_SEQUENCE.
        boot: int32 (m,), index into `boots`, or -1 for none.
        backfill: bool (m,), from the backfill topic: stored, never judged live.
        boots: the boot strings that `boot` points into.
    """

    gateway: NDArray[np.int32]
    received: NDArray[np.int64]
    sent: NDArray[np.int64]
    sequence: NDArray[np.int64]
    boot: NDArray[np.int32]
    backfill: NDArray[np.bool_]
    boots: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.gateway)


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """n readings in arrival order, and the messages they came in.

    A message may carry no reading (all were rejected): it still counts for its `seq`.

    Attributes:
        messages: the m messages.
        message: int32 (n,), row in `messages`, never decreasing.
        sensor: int32 (n,), permanent sensor id.
        time: int64 µs (n,), event time as the gateway gave it (receive time if it gave none).
        value: float64 (n,), canonical unit; NaN where there is no usable number.
        quality: uint8 (n,), a `Quality` as claimed by the gateway.
        reason: uint16 (n,), `Reason` bits known on arrival.
    """

    messages: MessageColumns
    message: NDArray[np.int32]
    sensor: NDArray[np.int32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    reason: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.sensor)

    @property
    def received(self) -> NDArray[np.int64]:
        """int64 µs (n,): when the server received each reading's message."""
        return self.messages.received[self.message]

    @classmethod
    def empty(cls) -> ReadingBatch:
        """No readings, no messages."""
        nothing = np.empty(0, np.int64)
        number = np.empty(0, np.int32)
        return cls(
            messages=MessageColumns(
                gateway=number,
                received=nothing,
                sent=nothing,
                sequence=nothing,
                boot=number,
                backfill=np.empty(0, np.bool_),
            ),
            message=number,
            sensor=number,
            time=nothing,
            value=np.empty(0, np.float64),
            quality=np.empty(0, np.uint8),
            reason=np.empty(0, np.uint16),
        )

    def to_bytes(self) -> bytes:
        """The batch as the journal keeps it (`domain.layout`)."""
        columns: dict[str, NDArray[Any]] = {
            "gateway": self.messages.gateway,
            "received": self.messages.received,
            "sent": self.messages.sent,
            "sequence": self.messages.sequence,
            "boot": self.messages.boot,
            "backfill": self.messages.backfill,
            "message": self.message,
            "sensor": self.sensor,
            "time": self.time,
            "value": self.value,
            "quality": self.quality,
            "reason": self.reason,
        }
        return layout.pack(
            columns, self.messages.boots, readings=len(self), messages=len(self.messages)
        )

    @classmethod
    def from_bytes(cls, payload: bytes) -> ReadingBatch:
        """The batch that `to_bytes` wrote; its columns are read-only views on `payload`.

        Raises:
            ValueError: the bytes are not such a batch; the text says why.
        """
        columns, boots = layout.unpack(payload)
        backfill = columns.pop("backfill")
        _require(_at_most(backfill, 1), "backfill is neither 0 nor 1")
        messages = MessageColumns(
            gateway=columns.pop("gateway"),
            received=columns.pop("received"),
            sent=columns.pop("sent"),
            sequence=columns.pop("sequence"),
            boot=columns.pop("boot"),
            backfill=backfill.view(np.bool_),
            boots=boots,
        )
        batch = cls(messages=messages, **columns)
        _require(_at_most(messages.boot, len(boots) - 1), "a boot that is not listed")
        _require(_at_least(messages.boot, -1), "a boot that is not listed")
        _require(_at_least(messages.sequence, NO_SEQUENCE), "a negative sequence")
        _require(not (batch.message[1:] < batch.message[:-1]).any(), "messages out of order")
        _require(_at_least(batch.message[:1], 0), "a message that is not there")
        _require(_at_most(batch.message[-1:], len(messages) - 1), "a message that is not there")
        _require(_at_most(batch.quality, _LAST_QUALITY), "an unknown quality")
        _require(_at_most(batch.reason, _ALL_REASONS), "an unknown reason")
        return batch


_LAST_QUALITY: Final = int(max(Quality))
_ALL_REASONS: Final = int(~Reason(0))


def _at_least(column: NDArray[np.integer], low: int) -> bool:
    return not len(column) or bool(column.min() >= low)


def _at_most(column: NDArray[np.integer], high: int) -> bool:
    return not len(column) or bool(column.max() <= high)


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(f"batch with {otherwise}")
