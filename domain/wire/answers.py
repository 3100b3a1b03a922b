"""What goes down to a gateway: receipts and rejections; and its status, which comes up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from domain.wire.message import UNREADABLE
from domain.wire.rejections import Rejection
from domain.wire.times import format_time

_encode: Final = msgspec.json.Encoder().encode


class _Status(msgspec.Struct):
    online: bool


_decode_status: Final = msgspec.json.Decoder(_Status).decode


def encode_receipt(boot: str | None, stored: int, now: int) -> bytes:
    """Every message of this boot up to `stored` is durable or answered. `now` in µs."""
    return _encode({"boot": boot, "stored": stored, "ts": format_time(now // 1000 * 1000)})


def encode_rejected(boot: str | None, seq: int | None, errors: Sequence[Rejection]) -> bytes:
    """What was refused of one message: at most `MAX_ERRORS` rejections, as `decode` gives them."""
    listed = [{"path": error.path, "reason": error.reason} for error in errors]
    return _encode({"boot": boot, "seq": seq, "errors": listed})


def encode_status(*, online: bool) -> bytes:
    """A gateway's status: retained on connecting, and its last will."""
    return _encode({"online": online})


def decode_status(payload: bytes) -> bool | None:
    """Whether the gateway says it is online; None if the message says nothing readable."""
    try:
        return _decode_status(payload).online
    except UNREADABLE:
        return None
