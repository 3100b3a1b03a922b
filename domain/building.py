"""Many messages into one batch: rows gather here until the batch is closed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableSequence
from typing import Any, Final, NamedTuple

import numpy as np

from domain.readings import NO_SEQUENCE, NO_TIME, MessageColumns, ReadingBatch, Reason

_OWN: Final = -1
"""In place of a message's flags: its readings have times, qualities and flags of their own."""


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

    Most messages are plain: all readings at one time, good, with the same flags. Of these the time
    and the flags are kept once a message and spread over the readings by `build`.
    """

    __slots__ = (
        "_backfill",
        "_boot",
        "_boots",
        "_count",
        "_flags",
        "_gateway",
        "_own_quality",
        "_own_reason",
        "_own_time",
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
        self._time = array("q")
        self._flags = array("i")
        self._boots: dict[str, int] = {}
        self._sensor = array("i")
        self._value = array("d")
        # Of the readings of messages that are not plain, one after another:
        self._own_time = array("q")
        self._own_quality = bytearray()
        self._own_reason = array("H")

    def __len__(self) -> int:
        return len(self._sensor)

    @property
    def messages(self) -> int:
        """Messages added so far, those without a usable reading included."""
        return len(self._gateway)

    def knows_boot(self, boot: str) -> bool:
        """Whether a message of this boot was added before."""
        return boot in self._boots

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
        self._add_message(gateway, received, sent, boot, seq, backfill, NO_TIME, _OWN)
        self._count.append(len(readings.sensor))
        self._sensor += readings.sensor
        self._value += readings.value
        self._own_time += readings.time
        self._own_quality += readings.quality
        self._own_reason += readings.reason

    def add_plain(  # noqa: PLR0913, PLR0917 - a tuple to carry them costs as much as the rest
        self,
        gateway: int,
        received: int,
        sent: int,
        boot: str | None,
        seq: int | None,
        backfill: bool,  # noqa: FBT001 - the hot path passes by position
        sensors: list[int],
        values: list[float],
        time: int,
        flags: int,
    ) -> None:
        """Add one message whose readings are all good, of one time, with the same reason bits."""
        self._add_message(gateway, received, sent, boot, seq, backfill, time, flags)
        self._count.append(len(sensors))
        self._sensor.fromlist(sensors)
        self._value.fromlist(values)

    def _add_message(
        self,
        gateway: int,
        received: int,
        sent: int,
        boot: str | None,
        seq: int | None,
        backfill: bool,  # noqa: FBT001 - the hot path passes by position
        time: int,
        flags: int,
    ) -> None:
        self._gateway.append(gateway)
        self._received.append(received)
        self._sent.append(sent)
        self._sequence.append(NO_SEQUENCE if seq is None else seq)
        self._boot.append(-1 if boot is None else self._boots.setdefault(boot, len(self._boots)))
        self._backfill.append(backfill)
        self._time.append(time)
        self._flags.append(flags)

    def last_lacks_times(self) -> bool:
        """Whether a reading of the newest message has no time but that of its reception."""
        flags, count = self._flags[-1], self._count[-1]
        if flags != _OWN:
            return count > 0 and flags & Reason.NO_DEVICE_TIME != 0
        reasons = self._own_reason[len(self._own_reason) - count :]
        return any(reason & Reason.NO_DEVICE_TIME for reason in reasons)

    def mark_last(self, flag: Reason) -> None:
        """Add a reason to every reading of the newest message."""
        bit = int(flag)
        if self._flags[-1] != _OWN:
            self._flags[-1] |= bit
            return
        for place in range(len(self._own_reason) - self._count[-1], len(self._own_reason)):
            self._own_reason[place] |= bit

    def numbered(self) -> Iterator[tuple[int, str | None, int]]:
        """(gateway, boot, seq) of the messages that carry a seq, in order."""
        boots = (*self._boots, None)  # index -1, no boot, is the last place
        for gateway, boot, seq in zip(self._gateway, self._boot, self._sequence, strict=True):
            if seq != NO_SEQUENCE:
                yield gateway, boots[boot], seq

    def remove_last(self) -> None:
        """Take the newest message back out."""
        for column in (
            self._gateway, self._received, self._sent, self._sequence, self._boot, self._backfill,
            self._time,
        ):  # fmt: skip
            column.pop()
        own, count = self._flags.pop() == _OWN, self._count.pop()
        readings: list[MutableSequence[Any]] = [self._sensor, self._value]
        if own:
            readings += [self._own_time, self._own_quality, self._own_reason]
        for of_readings in readings:
            del of_readings[len(of_readings) - count :]

    def build(self) -> ReadingBatch:
        """Everything added, as columns."""
        counts = np.array(self._count, np.int32)
        flags = np.array(self._flags, np.int32)
        time = np.repeat(np.array(self._time, np.int64), counts)
        reason = np.repeat(flags.astype(np.uint16), counts)
        quality = np.zeros(len(reason), np.uint8)
        if self._own_reason:
            own = np.repeat(flags == _OWN, counts)
            time[own] = self._own_time
            quality[own] = np.frombuffer(bytes(self._own_quality), np.uint8)
            reason[own] = self._own_reason
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
            time=time,
            value=np.array(self._value, np.float64),
            quality=quality,
            reason=reason,
        )
