"""What could not be used, kept with its reason for the gateway's owner to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.wire import Rejection

KEPT_BYTES: Final = 4096
"""Of each payload; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One message that was refused, wholly or in part.

    Attributes:
        gateway: whose it was, as the topic (or the broker) says.
        number: the gateway's number; None if no such gateway is registered.
        topic: where it was published.
        received: µs UTC.
        errors: each with its path into the message; path "" is the whole message.
        payload: its first `KEPT_BYTES` bytes; empty where the broker kept it from us.
    """

    gateway: str
    number: int | None
    topic: str
    received: int
    errors: tuple[Rejection, ...]
    payload: bytes
