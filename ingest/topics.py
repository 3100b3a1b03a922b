"""The topics of the contract: whose message it is, and what kind."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from domain.assets import ID_PATTERN

_PREFIX: Final = ("vedette", "v1")
_MOST_REMEMBERED: Final = 100_000
PROBE_TOPIC: Final = "vedette/v1/_probe/telemetry"
"""Ours: what we publish there comes back behind everything the broker has queued for us. No
gateway can have this name."""


class Channel(Enum):
    TELEMETRY = "telemetry"
    BACKFILL = "backfill"
    STATUS = "status"
    PROBE = "probe"
    FOREIGN = "foreign"
    """Not a topic of the contract; a broker without access rules lets anything through."""


FILTERS: Final = tuple(
    f"vedette/v1/+/{channel.value}"
    for channel in (Channel.TELEMETRY, Channel.BACKFILL, Channel.STATUS)
)
"""What the service subscribes to."""


class Route(NamedTuple):
    channel: Channel
    gateway: str


class Routes:
    """Topic to route, remembered, so that the hot path does one look-up a message."""

    def __init__(self) -> None:
        self._known: dict[bytes, Route] = {}

    def find(self, topic: bytes) -> Route:
        """Where a message on this topic belongs."""
        route = self._known.get(topic)
        if route is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            route = self._known[topic] = _parse(topic)
        return route


def receipt_topic(gateway: str) -> str:
    return f"vedette/v1/{gateway}/receipt"


def rejected_topic(gateway: str) -> str:
    return f"vedette/v1/{gateway}/rejected"


def _parse(topic: bytes) -> Route:
    levels = topic.decode("utf-8", "replace").split("/")
    if "/".join(levels) == PROBE_TOPIC:
        return Route(Channel.PROBE, "")
    if len(levels) != 4 or tuple(levels[:2]) != _PREFIX or not ID_PATTERN.fullmatch(levels[2]):
        return Route(Channel.FOREIGN, "")
    try:
        return Route(Channel(levels[3]), levels[2])
    except ValueError:
        return Route(Channel.FOREIGN, levels[2])
