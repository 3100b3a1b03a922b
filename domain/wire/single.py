"""Readings one by one: what cannot be used is refused alone, with its path and its reason."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.building import ReadingColumns
from domain.wire.message import NOT_AN_OBJECT, Reading
from domain.wire.rejections import Cause, Refusals
from domain.wire.times import parse_event_time
from domain.wire.vocabulary import (
    BAD,
    DEVICE_FAULT,
    NON_FINITE,
    NULL_VALUE,
    QUALITY_LETTERS,
    QUALITY_NUMBERS,
    SensorRef,
)

_TAG: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")


class _Refused(Exception):
    """One reading cannot be used."""

    def __init__(self, field: str, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
        self.cause = cause


def read_one_by_one(
    readings: list[Reading],
    listed: int,
    tags: Mapping[str, SensorRef],
    time: int | None,
    flags: int,
    errors: Refusals,
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
            errors.add(path, refused.reason, refused.cause)
            continue
        sensor.append(ref.id)
        times.append(own_time)
        values.append(value)
        quality.append(BAD if value_flags else claimed)
        reasons.append(time_flags | value_flags | (DEVICE_FAULT if claimed == BAD else 0))
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
            return parse_event_time(given), 0
        except ValueError as error:
            raise _Refused("ts", str(error), Cause.TIME) from None
    if of_message is None:
        raise _Refused("ts", "has no time of its own, and the message's is unusable", Cause.TIME)
    return of_message, flags


def _quality(letter: Any) -> int:
    if letter is None:
        return 0
    quality = QUALITY_NUMBERS.get(letter) if type(letter) is str else None
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
        return (number, 0) if math.isfinite(number) else (math.nan, NON_FINITE)
    if given is None:
        return math.nan, NULL_VALUE
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
