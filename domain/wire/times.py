"""Times as gateways write them: milliseconds since the epoch, or RFC 3339 with its zone.

Inside, a time is int64 µs since the epoch, UTC. A time before 1970 is a mistake of the sender and
refused. So is one beyond 2099, but for the time of an event: a clock that has lost its time often
shows such a one, and the judge must see that it is wrong. Whether an accepted time is late or in the
future is judged later.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

END_OF_TIME: Final = 4_102_444_800_000_000
"""2100-01-01T00:00:00Z in µs: the first time that cannot be."""
LAST_TIME: Final = END_OF_TIME - 1
_OUTSIDE: Final = "the time lies outside 1970 to 2099; milliseconds are expected"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,20}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_time(given: object) -> int:
    """The time in µs; finer fractions are cut off.

    Raises:
        ValueError: not a time in either form, without a zone, or outside 1970 to 2099.
    """
    time = _microseconds(given)
    if not 0 <= time <= LAST_TIME:
        raise ValueError(_OUTSIDE)
    return time


def parse_event_time(given: object) -> int:
    """As `parse_time`, but `LAST_TIME` for a time beyond it.

    Raises:
        ValueError: not a time in either form, without a zone, or before 1970.
    """
    time = min(_microseconds(given), LAST_TIME)
    if time < 0:
        raise ValueError(_OUTSIDE)
    return time


def format_time(time: int) -> int | float:
    """The time in milliseconds, as `parse_time` reads it back without loss."""
    milliseconds, rest = divmod(time, 1000)
    return milliseconds if not rest else time / 1000


def _microseconds(given: object) -> int:
    """The time, wherever it lies; what is not finite lies beyond either end."""
    if type(given) is int:
        return given * 1000
    if type(given) is float:
        microseconds = given * 1000
        if math.isfinite(microseconds):
            return round(microseconds)
        return END_OF_TIME if microseconds > 0 else -1
    if type(given) is str:
        return _parse_rfc3339(given)
    raise ValueError("a time is milliseconds since 1970 or RFC 3339 text with a zone")


def _parse_rfc3339(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text[:40]!r} is not RFC 3339 with a zone, such as 2026-03-05T08:15:30+08:00"
        )
    date, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone.upper()}")
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a time: {error}") from None
    microseconds = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return (moment - _EPOCH) // _MICROSECOND + microseconds
