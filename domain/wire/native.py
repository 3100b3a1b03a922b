"""Native JSON to columns: the message format of our own gateways (contract, "MQTT").

Nearly every message is plain and goes into columns as a whole (`domain.wire.plain`). Any other is
read reading by reading, and what cannot be used is refused alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.building import BatchBuilder
from domain.readings import NO_TIME
from domain.wire.message import Message, Reading, check_boot, check_sequence, parse
from domain.wire.plain import MessageHead, take_plain
from domain.wire.rejections import Cause, MalformedMessage, Refusals
from domain.wire.single import read_one_by_one
from domain.wire.times import parse_event_time, parse_time
from domain.wire.vocabulary import NO_DEVICE_TIME, NO_IDENTITY, SensorRef


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
    plain = take_plain(payload, tags, received, builder, gateway, backfill)
    if plain is not None:
        return plain
    message = parse(payload)
    if message.readings is None and message.values is None:
        raise MalformedMessage("the message has neither readings nor values", Cause.SHAPE)
    errors = Refusals()
    boot, seq = _identity(message, errors)
    sent = _time_of_head("sent", message.sent, parse_time, errors)
    time = _time_of_head("ts", message.ts, parse_event_time, errors)
    flags = 0
    if message.ts is None:
        time = received
        flags = NO_IDENTITY if seq is None else NO_DEVICE_TIME

    readings = message.readings or []
    listed = len(readings)
    if message.values:
        readings = readings + [Reading(s=tag, v=value) for tag, value in message.values.items()]
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
    return MessageHead(boot, seq, sent, len(columns.sensor), errors.rejections())


def _identity(message: Message, errors: Refusals) -> tuple[str | None, int | None]:
    try:
        boot = check_boot(message.boot)
    except ValueError as error:
        errors.add("boot", str(error), Cause.HEAD)
        return None, None  # a number of an unknown boot identifies nothing
    try:
        return boot, check_sequence(message.seq)
    except ValueError as error:
        errors.add("seq", str(error), Cause.HEAD)
        return None, None


def _time_of_head(
    field: str, given: object, parse_given: Callable[[object], int], errors: Refusals
) -> int | None:
    if given is None:
        return None
    try:
        return parse_given(given)
    except ValueError as error:
        errors.add(field, str(error), Cause.TIME)
        return None
