"""What the HTTP edge needs from the running engine and from ingest; `service` provides it.

Everything here keeps working while the database is away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alerting import Act, Alarm, Refusal, Transition
from domain.readings import Position
from store.registry import Registry


@dataclass(frozen=True, slots=True)
class Event:
    """One transition as the stream carries it; `alarm` as it stood after that transition.

    Only transitions of alarms are carried; the id on the wire is `"{position}.{ordinal}"`.
    """

    position: Position
    ordinal: int
    transition: Transition
    alarm: Alarm
    stored: bool


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """Newest live value of each of s sensors, from the engine's own state."""

    sensor: NDArray[np.int32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    received: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GatewayLive:
    """What ingest knows of one gateway right now. Times int64 µs UTC, None if never."""

    online: bool | None
    """As the gateway's own status or last will says; None before any."""
    last_message_at: int | None
    last_payload: str | None
    """The last message as text, truncated to 4 KiB."""
    messages: int
    readings: int
    rejected: int
    boot: str | None
    stored_through: int | None
    """The receipt: every seq up to this is durable or answered."""
    missing: tuple[tuple[int, int], ...]
    """Gaps in `seq`: first and last missing, at most 20."""
    clock_offset_us: int | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class PostedTelemetry:
    """Answer to telemetry posted over HTTP, once it is durable: the receipt and the rejections."""

    boot: str | None
    stored: int | None
    errors: tuple[tuple[str, str], ...]
    """(path, reason) of each reading that could not be used."""


class Live(Protocol):
    """The engine and ingest of this process, seen from the API."""

    @property
    def registry(self) -> Registry: ...

    @property
    def stored_position(self) -> Position:
        """Every change up to this journal position is committed in the database."""

    def open_alarms(self) -> list[Alarm]:
        """Every alarm that is not normal, as the fold has it."""

    def latest(self) -> Latest: ...

    def gateway(self, number: int) -> GatewayLive: ...

    def health(self) -> dict[str, Any]:
        """JSON-ready: see `GET /stream` health frames."""

    def unready(self) -> list[str]:
        """Reasons why this process is not ready; empty when it is."""

    async def act(self, act: Act) -> Alarm | Refusal:
        """Journal and fold an act; returns the alarm as it stands after, or the refusal.

        Raises:
            store.journal.JournalUnavailable: the act could not be kept (disk full, stopping).
        """

    def events(
        self, after: tuple[int, int] | None, *, screen: bool = True
    ) -> AsyncIterator[Event | None]:
        """Alarm events after (position, ordinal), or from now on; bounded per subscriber.

        `screen`: somebody outside listens, who counts as a client.

        Yields None where the subscriber must take a new snapshot ("reset"): the id is older than
        what is kept, or the subscriber was too slow. After a None it goes on with what comes
        from then on. The place in the stream is taken when this is called, not when it is first
        awaited.
        """

    async def registry_changed(self) -> None:
        """Re-read the registry and make the change live in the engine; returns when it is."""

    async def add_gateway_credentials(self, gateway: str) -> Credentials:
        """Make (or replace) a gateway's MQTT password; it can log in when this returns."""

    async def remove_gateway_credentials(self, gateway: str) -> None: ...

    async def check_gateway_password(self, gateway: str, password: str) -> bool: ...

    async def post_telemetry(
        self, gateway: str, payload: bytes, *, backfill: bool
    ) -> PostedTelemetry:
        """Take one native JSON message; returns when it is durable.

        Raises:
            domain.wire.MalformedMessage: nothing of it could be used.
            store.journal.JournalUnavailable: it could not be kept; the sender must try again.
        """
