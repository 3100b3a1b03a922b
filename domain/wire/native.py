"""Native JSON to columns: the message format of our own gateways (contract, "MQTT").

Nearly every message is plain: known tags, numbers, one time, good quality. It goes into columns
as a whole. Any other is read reading by reading, and what cannot be used is refused alone.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from domain.building import BatchBuilder, ReadingColumns
from domain.readings import NO_TIME, Quality, Reason
from domain.wire.message import (
    NOT_AN_OBJECT,
    Message,
    Reading,
    check_boot,
    check_sequence,
    parse,
)
from domain.wire.rejections import Cause, MalformedMessage, Rejection
from domain.wire.times import END_OF_TIME, parse_time

QUALITY_LETTERS: Final[Mapping[str, Quality]] = {
    "G": Quality.GOOD,
    "U": Quality.UNCERTAIN,
    "B": Quality.BAD,
    "C": Quality.CALIBRATION,
    "M": Quality.MAINTENANCE,
    "F": Quality.STOPPED,
    "E": Quality.ESTIMATED,
}
"""What a gateway may claim; `O` (offline) is made by the server only."""
# Plain numbers, for arithmetic on flags costs a microsecond each time.
_NUMBERS: Final[Mapping[str, int]] = {
    letter: int(quality) for letter, quality in QUALITY_LETTERS.items()
}
_BAD: Final = int(Quality.BAD)
_NO_DEVICE_TIME: Final = int(Reason.NO_DEVICE_TIME)
_NO_IDENTITY: Final = int(Reason.NO_DEVICE_TIME | Reason.NO_IDENTITY)
_DEVICE_FAULT: Final = int(Reason.DEVICE_FAULT)
_NULL_VALUE: Final = int(Reason.NULL_VALUE)
_NON_FINITE: Final = int(Reason.NON_FINITE)
_FLAGS: Final[Mapping[int, array[int]]] = {
    flags: array("H", (flags,)) for flags in (0, _NO_DEVICE_TIME, _NO_IDENTITY)
}
_TAG: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")


class SensorRef(NamedTuple):
    """What a tag of a gateway stands for: the sensor's id, and the numbers of its states."""

    id: int
    states: Mapping[str, float] | None = None


class MessageHead(NamedTuple):
    """What became of one message. `sent` in µs, None if not given or not usable."""

    boot: str | None
    seq: int | None
    sent: int | None
    readings_accepted: int
    errors: tuple[Rejection, ...]


class _Refused(Exception):
    """One reading cannot be used."""

    def __init__(self, field: str, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
        self.cause = cause


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
        flags = _NO_IDENTITY if seq is None else _NO_DEVICE_TIME

    readings = message.readings or []
    listed = len(readings)
    if message.values:
        readings = readings + [Reading(s=tag, v=value) for tag, value in message.values.items()]
    columns = _plain(readings, tags, time, flags) if strict else None
    if columns is None:
        columns = _one_by_one(readings, listed, tags, time, flags, errors)
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


def _one_by_one(
    readings: list[Reading],
    listed: int,
    tags: Mapping[str, SensorRef],
    time: int | None,
    flags: int,
    errors: list[Rejection],
) -> ReadingColumns:
    """The readings that can be used; the others go to `errors`.

    The first `listed` readings stood in `readings`, the rest in the short form `values`.
    """
    sensor, times, values = array("i"), array("q"), array("d")
    quality, reasons = bytearray(), array("H")
    for index, reading in enumerate(readings):
        try:
            if reading is NOT_AN_OBJECT:
                raise _Refused("", "a reading is an object with s and v", Cause.SHAPE)
            ref = _sensor(reading.s, tags)
            own_time, time_flags = _time(reading.ts, time, flags)
            claimed = _quality(reading.q)
            value, value_flags = _value(reading.v, ref)
        except _Refused as refused:
            if index < listed:
                path = f"readings[{index}]" + (f".{refused.field}" if refused.field else "")
            else:
                path = f"values[{reading.s[:128]!r}]"
            errors.append(Rejection(path, refused.reason, refused.cause))
            continue
        sensor.append(ref.id)
        times.append(own_time)
        values.append(value)
        quality.append(_BAD if value_flags else claimed)
        reasons.append(time_flags | value_flags | (_DEVICE_FAULT if claimed == _BAD else 0))
    return ReadingColumns(sensor, times, values, bytes(quality), reasons)


def _sensor(tag: Any, tags: Mapping[str, SensorRef]) -> SensorRef:
    if type(tag) is not str:
        raise _Refused("s", "s, the sensor's tag, is missing or not a string", Cause.TAG)
    ref = tags.get(tag)
    if ref is not None:
        return ref
    if not _TAG.fullmatch(tag):
        raise _Refused(
            "s", "a tag has 1 to 128 characters, none of them a control character", Cause.TAG
        )
    raise _Refused(
        "s",
        f"this gateway has no sensor {tag!r}; register it, or correct the gateway's mapping",
        Cause.UNKNOWN_SENSOR,
    )


def _time(given: Any, of_message: int | None, flags: int) -> tuple[int, int]:
    if given is not None:
        try:
            return parse_time(given), 0
        except ValueError as error:
            raise _Refused("ts", str(error), Cause.TIME) from None
    if of_message is None:
        raise _Refused("ts", "has no time of its own, and the message's is unusable", Cause.TIME)
    return of_message, flags


def _quality(letter: Any) -> int:
    if letter is None:
        return 0
    quality = _NUMBERS.get(letter) if type(letter) is str else None
    if quality is None:
        letters = " ".join(QUALITY_LETTERS)
        raise _Refused("q", f"a quality is one of {letters}", Cause.QUALITY)
    return quality


def _value(given: Any, ref: SensorRef) -> tuple[float, int]:
    """The number, and why the reading is bad if it is."""
    kind = type(given)
    if kind is float or kind is int or kind is bool:
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
        return (number, 0) if math.isfinite(number) else (math.nan, _NON_FINITE)
    if given is None:
        return math.nan, _NULL_VALUE
    if kind is str:
        state = ref.states.get(given) if ref.states else None
        if state is not None:
            return state, 0
        names = ", ".join(ref.states) if ref.states else "none: send a number"
        raise _Refused(
            "v", f"{given[:40]!r} is not a state of this sensor (states: {names})", Cause.STATE
        )
    missing = given is msgspec.UNSET
    raise _Refused(
        "v", "v is missing" if missing else "v is a number, boolean, null or state", Cause.VALUE
    )
