"""Columns' way back: a native message as a gateway writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from domain.readings import Quality
from domain.wire.times import format_time
from domain.wire.vocabulary import QUALITY_LETTERS

_LETTERS: Final[Mapping[Quality, str]] = {
    quality: letter for letter, quality in QUALITY_LETTERS.items()
}
_encode: Final = msgspec.json.Encoder().encode


class OutgoingReading(NamedTuple):
    """One reading to send. `time` in µs, None to go by the message's."""

    tag: str
    value: float | bool | str | None
    time: int | None = None
    quality: Quality = Quality.GOOD


def encode_message(
    readings: Iterable[OutgoingReading],
    *,
    time: int | None = None,
    sent: int | None = None,
    boot: str | None = None,
    seq: int | None = None,
) -> bytes:
    """One message of these readings; times in µs. What is None, or good quality, is left out.

    NaN and infinities become null, for JSON has no name for them.

    Raises:
        KeyError: a quality that only the server may claim (`Quality.OFFLINE`).
    """
    message: dict[str, Any] = {}
    if time is not None:
        message["ts"] = format_time(time)
    if sent is not None:
        message["sent"] = format_time(sent)
    if boot is not None:
        message["boot"] = boot
    if seq is not None:
        message["seq"] = seq
    message["readings"] = [_reading(reading) for reading in readings]
    return _encode(message)


def _reading(reading: OutgoingReading) -> dict[str, Any]:
    written: dict[str, Any] = {"s": reading.tag, "v": reading.value}
    if reading.time is not None:
        written["ts"] = format_time(reading.time)
    if reading.quality is not Quality.GOOD:
        written["q"] = _LETTERS[reading.quality]
    return written
