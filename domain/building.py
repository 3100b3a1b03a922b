"""Many messages into one batch: rows gather here until the batch is closed."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

from domain.readings import NO_SEQUENCE, MessageColumns, ReadingBatch, Reason


class ReadingColumns(NamedTuple):
    """The readings of one message, all of one length, as the columns of `ReadingBatch`."""

    sensor: array[int]
    """Typecode i."""
    time: array[int]
    """Typecode q."""
    value: array[float]
    """Typecode d."""
    quality: bytes
    reason: array[int]
    """Typecode H."""


class BatchBuilder:
    """Accumulates the rows of many messages; `build` gives them as one batch.

    Its length is the number of readings, so that a batch can be closed by size. One builder makes
    one batch: begin a new one after `build`.
    """

    __slots__ = (
        "_backfill",
        "_boot",
        "_boots",
        "_count",
        "_gateway",
        "_quality",
        "_reason",
        "_received",
        "_sensor",
        "_sent",
        "_sequence",
        "_time",
        "_value",
    )

    def __init__(self) -> None:
        self._gateway = array("i")
        self._received = array("q")
        self._sent = array("q")
        self._sequence = array("q")
        self._boot = array("i")
        self._backfill = bytearray()
        self._count = array("i")
        self._boots: dict[str, int] = {}
        self._sensor = array("i")
        self._time = array("q")
        self._value = array("d")
        self._quality = bytearray()
        self._reason = array("H")

    def __len__(self) -> int:
        return len(self._sensor)

    @property
    def messages(self) -> int:
        """Messages added so far, those without a usable reading included."""
        return len(self._gateway)

    def add(
        self,
        *,
        gateway: int,
        received: int,
        sent: int,
        boot: str | None,
        seq: int | None,
        backfill: bool,
        readings: ReadingColumns,
    ) -> None:
        """Add one message with its readings, in the order they stood in it. Times in µs."""
        self._gateway.append(gateway)
        self._received.append(received)
        self._sent.append(sent)
        self._sequence.append(NO_SEQUENCE if seq is None else seq)
        self._boot.append(-1 if boot is None else self._boots.setdefault(boot, len(self._boots)))
        self._backfill.append(backfill)
        self._count.append(len(readings.sensor))
        self._sensor += readings.sensor
        self._time += readings.time
        self._value += readings.value
        self._quality += readings.quality
        self._reason += readings.reason

    def last_lacks_times(self) -> bool:
        """Whether a reading of the newest message has no time but that of its reception."""
        count = self._count[-1]
        if not count:
            return False
        reasons = self._reason[-count:]
        # The first test runs without a frame of Python and nearly always says no.
        return any(reasons) and any(reason & Reason.NO_DEVICE_TIME for reason in reasons)

    def remove_last(self) -> None:
        """Take the newest message back out."""
        for column in (
            self._gateway, self._received, self._sent, self._sequence, self._boot, self._backfill,
        ):  # fmt: skip
            column.pop()
        if count := self._count.pop():
            for readings in (self._sensor, self._time, self._value, self._quality, self._reason):
                del readings[-count:]

    def build(self) -> ReadingBatch:
        """Everything added, as columns."""
        counts = np.array(self._count, np.int32)
        return ReadingBatch(
            messages=MessageColumns(
                gateway=np.array(self._gateway, np.int32),
                received=np.array(self._received, np.int64),
                sent=np.array(self._sent, np.int64),
                sequence=np.array(self._sequence, np.int64),
                boot=np.array(self._boot, np.int32),
                backfill=np.frombuffer(bytes(self._backfill), np.bool_),
                boots=tuple(self._boots),
            ),
            message=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            sensor=np.array(self._sensor, np.int32),
            time=np.array(self._time, np.int64),
            value=np.array(self._value, np.float64),
            quality=np.frombuffer(bytes(self._quality), np.uint8),
            reason=np.array(self._reason, np.uint16),
        )
