"""The shape of a native message, and its head: what identifies it before its readings are read.

The fast reader is msgspec's. What it cannot take (NaN and Infinity literals, numbers beyond float,
readings that are not objects) goes to the standard library's slower and laxer one. What neither
can read, such as some thousand lists in each other, refuses the whole message.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from domain.wire.rejections import Cause, MalformedMessage

MAX_BYTES: Final = 256 * 1024
MAX_SEQUENCE: Final = 2**53 - 1
"""The largest `seq`: every JSON reader keeps integers up to it exactly."""
BOOT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,32}")
"""What a `boot` may be."""
_ENDLESS_DIGITS: Final = 400
_HEAD_BOOT: Final = re.compile(rb'"boot"\s*:\s*"([^"\\]{0,128})"')
_HEAD_SEQUENCE: Final = re.compile(rb'"seq"\s*:\s*([0-9]{1,16})\s*[,}]')


class Reading(msgspec.Struct, gc=False):
    """One reading as it was written; every field is still unchecked."""

    s: Any = msgspec.UNSET
    v: Any = msgspec.UNSET
    ts: Any = None
    q: Any = "G"


class Message(msgspec.Struct):
    """One message as it was written; `values` is the short form of `readings`."""

    ts: Any = None
    sent: Any = None
    boot: Any = None
    seq: Any = None
    readings: list[Reading] | None = None
    values: dict[str, Any] | None = None


class _Head(msgspec.Struct):
    boot: Any = None
    seq: Any = None


NOT_AN_OBJECT: Final = Reading()
"""Stands in `Message.readings` for an element that is not an object."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what it cannot read."""
_decode_message: Final = msgspec.json.Decoder(Message).decode
_decode_head: Final = msgspec.json.Decoder(_Head).decode


def parse(payload: bytes) -> Message:
    """The message, its fields unchecked.

    Raises:
        MalformedMessage: too large, not JSON, or no message.
    """
    if len(payload) > MAX_BYTES:
        raise MalformedMessage(
            f"the message has {len(payload)} bytes; at most {MAX_BYTES} are taken", Cause.OVERSIZE
        )
    try:
        return _decode_message(payload)
    except UNREADABLE:
        return _parse_laxly(payload)


def check_boot(given: object) -> str | None:
    """The boot, None if there is none.

    Raises:
        ValueError: not a string of at most 32 printable characters.
    """
    if given is None or (type(given) is str and BOOT.fullmatch(given)):
        return given
    raise ValueError("boot is a string of at most 32 characters, none of them a control character")


def check_sequence(given: object) -> int | None:
    """The sequence number, None if there is none; 7.0 is 7, as some gateways write it.

    Raises:
        ValueError: not a whole number from 1 to `MAX_SEQUENCE`.
    """
    if given is None:
        return None
    if type(given) is int or (type(given) is float and given.is_integer()):
        number = int(given)
        if 1 <= number <= MAX_SEQUENCE:
            return number
    raise ValueError("seq counts messages from 1 upwards in whole numbers")


def peek_sequence(payload: bytes, *, without_boot: bool = False) -> tuple[str | None, int | None]:
    """(boot, seq) of a message without reading the rest; None for what is missing or unusable.

    For a message that is not JSON they are taken from its head (the text before the first inner
    object or list) if they can be seen there, so that it can be answered and the sequence go on.
    A seq counts within its boot: where that may stand in what cannot be read, there is none,
    unless the sender is known to count `without_boot`.
    """
    try:
        head = _decode_head(payload)
    except UNREADABLE:
        head = _head_of_unreadable(payload, without_boot=without_boot)
    try:
        boot, seq = check_boot(head.boot), check_sequence(head.seq)
    except ValueError:
        return None, None
    return boot, seq


def _head_of_unreadable(payload: bytes, *, without_boot: bool) -> _Head:
    if len(payload) <= MAX_BYTES:
        try:
            message = _parse_laxly(payload)
        except MalformedMessage:
            pass
        else:
            return _Head(message.boot, message.seq)
    start = re.split(rb"[\[{]", payload, maxsplit=2)[1:2]
    if not start:
        return _Head()
    boot, seq = _HEAD_BOOT.search(start[0]), _HEAD_SEQUENCE.search(start[0])
    if boot is None and not (without_boot or _shows_no_boot(payload)):
        return _Head()
    return _Head(
        boot[1].decode("utf-8", "surrogateescape") if boot else None,
        int(seq[1]) if seq else None,
    )


def _shows_no_boot(payload: bytes) -> bool:
    """Whether the text is all there, by its brackets, and has no boot anywhere."""
    return b'"boot"' not in payload and all(
        payload.count(left) == payload.count(right) for left, right in (b"{}", b"[]")
    )


def _parse_laxly(payload: bytes) -> Message:
    try:
        document = json.loads(payload.decode("utf-8"), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"the message is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise MalformedMessage(
            f"the message is not JSON: {error.msg} at character {error.pos}"
        ) from None
    except RecursionError:
        raise MalformedMessage("the message is nested too deep") from None
    if not isinstance(document, dict):
        raise MalformedMessage("the message is not a JSON object", Cause.SHAPE)
    readings, values = document.get("readings"), document.get("values")
    if not (readings is None or isinstance(readings, list)):
        raise MalformedMessage("readings is not a list", Cause.SHAPE)
    if not (values is None or isinstance(values, dict)):
        raise MalformedMessage("values is not an object", Cause.SHAPE)
    return Message(
        ts=document.get("ts"),
        sent=document.get("sent"),
        boot=document.get("boot"),
        seq=document.get("seq"),
        readings=None if readings is None else [_lax_reading(item) for item in readings],
        values=values,
    )


def _integer(digits: str) -> int | float:
    """Infinite if no float holds it: int takes some thousand digits only, and time for them."""
    return int(digits) if len(digits) < _ENDLESS_DIGITS else float(digits)


def _lax_reading(item: object) -> Reading:
    if not isinstance(item, dict):
        return NOT_AN_OBJECT
    return Reading(
        s=item.get("s", msgspec.UNSET),
        v=item.get("v", msgspec.UNSET),
        ts=item.get("ts"),
        q=item.get("q", "G"),
    )
