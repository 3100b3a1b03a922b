"""Native JSON to columns: the message format of our own gateways (contract, "MQTT").

Nearly every message is plain: known tags, numbers, one time, good quality. It goes into columns
as a whole. Any other is read reading by reading, and what cannot be used is refused alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.building import BatchBuilder, ReadingColumns
from domain.readings import NO_TIME
from domain.wire.message import Message, Reading, check_boot, check_sequence, parse
from domain.wire.rejections import Cause, MalformedMessage, Rejection
from domain.wire.single import read_one_by_one
from domain.wire.times import END_OF_TIME, parse_time
from domain.wire.vocabulary import NO_DEVICE_TIME, NO_IDENTITY, SensorRef

_FLAGS: Final[Mapping[int, array[int]]] = {
    flags: array("H", (flags,)) for flags in (0, NO_DEVICE_TIME, NO_IDENTITY)
}


class MessageHead(NamedTuple):
    """What became of one message. `sent` in µs, None if not given or not usable."""

    boot: str | None
    seq: int | None
    sent: int | None
    readings_accepted: int
    errors: tuple[Rejection, ...]


def decode(
    payload: bytes,
    tags: Mapping[str, SensorRef],
    received: int,
    builder: BatchBuilder,
    gateway: int,
    backfill: bool,  # noqa: FBT001 - the last of six that every caller passes by position
) -> MessageHead:
    """Read one message and add what is usable of it to the builder.

    Args:
        payload: the message as it came.
        tags: the gateway's sensors by tag.
        received: µs UTC, when the server got it.
        builder: takes the message's row, even when no reading of it could be used.
        gateway: the gateway's number.
        backfill: came on the backfill topic.

    Raises:
        MalformedMessage: nothing of it can be read; the builder is untouched.
    """
    message, strict = parse(payload)
    if message.readings is None and message.values is None:
        raise MalformedMessage("the message has neither readings nor values", Cause.SHAPE)
    errors: list[Rejection] = []
    boot, seq = _identity(message, errors)
    sent = _time_of_head("sent", message.sent, errors)
    time = _time_of_head("ts", message.ts, errors)
    flags = 0
    if message.ts is None:
        time = received
        flags = NO_IDENTITY if seq is None else NO_DEVICE_TIME

    readings = message.readings or []
    listed = len(readings)
    if message.values:
        readings = readings + [Reading(s=tag, v=value) for tag, value in message.values.items()]
    columns = _plain(readings, tags, time, flags) if strict else None
    if columns is None:
        columns = read_one_by_one(readings, listed, tags, time, flags, errors)
    builder.add(
        gateway=gateway,
        received=received,
        sent=NO_TIME if sent is None else sent,
        boot=boot,
        seq=seq,
        backfill=backfill,
        readings=columns,
    )
    return MessageHead(boot, seq, sent, len(columns.sensor), tuple(errors))


def _identity(message: Message, errors: list[Rejection]) -> tuple[str | None, int | None]:
    try:
        boot = check_boot(message.boot)
    except ValueError as error:
        errors.append(Rejection("boot", str(error), Cause.HEAD))
        return None, None  # a number of an unknown boot identifies nothing
    try:
        return boot, check_sequence(message.seq)
    except ValueError as error:
        errors.append(Rejection("seq", str(error), Cause.HEAD))
        return None, None


def _time_of_head(field: str, given: object, errors: list[Rejection]) -> int | None:
    if given is None:
        return None
    try:
        return parse_time(given)
    except ValueError as error:
        errors.append(Rejection(field, str(error), Cause.TIME))
        return None


def _plain(
    readings: list[Reading], tags: Mapping[str, SensorRef], time: int | None, flags: int
) -> ReadingColumns | None:
    """All readings of a strict message at once, or None if any of them needs a closer look."""
    count = len(readings)
    if [reading.q for reading in readings].count("G") != count:
        return None
    times = [reading.ts for reading in readings]
    if times.count(None) == count and time is not None:
        column, flag = array("q", (time,)) * count, flags
    elif set(map(type, times)) == {int} and 0 <= min(times) <= max(times) < END_OF_TIME // 1000:
        column, flag = array("q", [own * 1000 for own in times]), 0
    else:
        return None
    try:
        sensor = array("i", [tags[reading.s].id for reading in readings])
        value = array("d", [reading.v for reading in readings])
    except (KeyError, TypeError, OverflowError):
        return None
    return ReadingColumns(sensor, column, value, bytes(count), _FLAGS[flag] * count)
