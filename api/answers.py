"""How this edge writes JSON: msgspec bytes, RFC 3339 times, lists in envelopes with a cursor."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from starlette.responses import Response

from api.problems import Problem

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, UTC, to the millisecond, or to the microsecond where there is more."""

Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""A part of a cursor that the database counts."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encoder: Final = msgspec.json.Encoder()


class Texts(msgspec.Struct, frozen=True, rename={"zh": "zh-CN"}):
    """One text in both languages."""

    zh: str
    en: str


class Named(msgspec.Struct, frozen=True):
    """A reference to a gateway, site or enterprise."""

    id: str
    name: str


class Page(msgspec.Struct, Generic[T]):
    """One page of a list; `next` is the cursor of the following page, null on the last."""

    items: Sequence[T]
    next: str | None = None


class Json(Response):
    """An answer encoded by msgspec: structs, NaN as null, dictionary keys as text."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else _encoder.encode(content)


def encode(content: Any) -> bytes:
    """JSON bytes of anything msgspec knows."""
    return _encoder.encode(content)


def rfc3339(us: int) -> str:
    """int64 µs UTC as RFC 3339 text."""
    moment = _EPOCH + timedelta(microseconds=us)
    step = "microseconds" if us % 1000 else "milliseconds"
    return moment.isoformat(timespec=step)[:-6] + "Z"


def rfc3339_or_none(us: int | None) -> str | None:
    return None if us is None else rfc3339(us)


def microseconds(moment: datetime) -> int:
    """A zoned time as int64 µs UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def cursor_text(key: tuple[Any, ...]) -> str:
    """A sort key as an opaque cursor."""
    return base64.urlsafe_b64encode(_encoder.encode(key)).decode().rstrip("=")


def cursor_key(cursor: str, kind: type[K]) -> K:
    """The sort key a cursor stands for.

    Raises:
        Problem: the cursor was not made by this list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key: K = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=kind)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise Problem("invalid_cursor") from error
    return key


def page_of(
    rows: Sequence[T],
    *,
    key: Callable[[T], tuple[Any, ...]],
    after: tuple[Any, ...] | None,
    limit: int,
) -> tuple[Sequence[T], str | None]:
    """The next `limit` rows after a key, from rows sorted by `key`, and the cursor of the rest."""
    start = 0 if after is None else bisect_right(rows, after, key=key)
    chosen = rows[start : start + limit]
    more = start + limit < len(rows)
    return chosen, cursor_text(key(chosen[-1])) if more and chosen else None
