"""The plain message, which is nearly every one: known tags, numbers, good quality, times in ms.

msgspec checks and converts while it reads; what it will not take is no error here, but a case for
the closer look in `domain.wire.single`, which must take a plain message just the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from domain.building import BatchBuilder, ReadingColumns
from domain.readings import NO_TIME
from domain.wire.message import BOOT, MAX_BYTES, MAX_SEQUENCE, UNREADABLE
from domain.wire.rejections import Rejection
from domain.wire.times import END_OF_TIME
from domain.wire.vocabulary import NO_DEVICE_TIME, NO_IDENTITY, SensorRef

_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=END_OF_TIME // 1000)]
_NOTHING_FLAGGED: Final = array("H", (0,))


class MessageHead(msgspec.Struct, frozen=True, gc=False):
    """What became of one message. `sent` in µs, None if not given or not usable."""

    boot: str | None
    seq: int | None
    sent: int | None
    readings_accepted: int
    errors: tuple[Rejection, ...] = ()


class _Reading(msgspec.Struct, gc=False):
    s: str
    v: float
    ts: _Milliseconds | None = None
    q: Literal["G"] = "G"


class _Message(msgspec.Struct, gc=False):
    readings: list[_Reading] | None = None
    values: dict[str, float] | None = None
    ts: _Milliseconds | None = None
    sent: _Milliseconds | None = None
    boot: str | None = None
    seq: Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQUENCE)] | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode


def take_plain(
    payload: bytes,
    tags: Mapping[str, SensorRef],
    received: int,
    builder: BatchBuilder,
    gateway: int,
    backfill: bool,  # noqa: FBT001 - handed on by `decode`
) -> MessageHead | None:
    """Add a plain message to the builder; None, and the builder untouched, if it is not plain.

    Arguments as of `domain.wire.decode`.
    """
    if len(payload) > MAX_BYTES:
        return None
    try:
        message = _decode(payload)
    except UNREADABLE:
        return None
    boot, seq, sent = message.boot, message.seq, message.sent
    if boot is not None and not builder.knows_boot(boot) and not BOOT.fullmatch(boot):
        return None
    columns = _columns(message, tags)
    if columns is None:
        return None
    sensors, values, times = columns
    sent_at = NO_TIME if sent is None else sent * 1000
    count = len(sensors)
    own = count - times.count(None)
    if own not in {0, count}:
        return None
    if not own:
        if message.ts is not None:
            time, flags = message.ts * 1000, 0
        else:
            time, flags = received, NO_IDENTITY if seq is None else NO_DEVICE_TIME
        builder.add_plain(
            gateway, received, sent_at, boot, seq, backfill, sensors, values, time, flags
        )
    else:
        readings = ReadingColumns(
            array("i", sensors),
            array("q", [1000 * time for time in times if time is not None]),
            array("d", values),
            bytes(count),
            _NOTHING_FLAGGED * count,
        )
        builder.add(
            gateway=gateway, received=received, sent=sent_at, boot=boot, seq=seq,
            backfill=backfill, readings=readings,
        )  # fmt: skip
    return MessageHead(boot, seq, None if sent is None else sent_at, count)


def _columns(
    message: _Message, tags: Mapping[str, SensorRef]
) -> tuple[list[int], list[float], list[int | None]] | None:
    """Sensors, values and own times of the readings in either form.

    None if they stand in both forms or in neither, or a tag is not known.
    """
    readings, short = message.readings, message.values
    try:
        if readings is not None and short is None:
            sensors = [tags[reading.s].id for reading in readings]
            values = [reading.v for reading in readings]
            return sensors, values, [reading.ts for reading in readings]
        if readings is None and short is not None:
            sensors = [tags[tag].id for tag in short]
            return sensors, list(short.values()), [None] * len(sensors)
    except KeyError:
        pass
    return None
