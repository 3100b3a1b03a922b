"""What ingest knows of each gateway right now: its name, its last words, its counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.sequence import SequenceTracker
from domain.wire import SensorRef
from ingest.quarantine import KEPT_BYTES

_GAPS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class GatewayTags:
    """A registered gateway: its number, and its sensors by tag. Replaced whole on a change."""

    number: int
    tags: Mapping[str, SensorRef]


@dataclass(frozen=True, slots=True)
class GatewayView:
    """The facts of one gateway that only ingest knows; times in µs UTC, None if never."""

    online: bool | None
    last_message_at: int | None
    last_payload: str | None
    messages: int
    readings: int
    rejected: int
    boot: str | None
    stored_through: int | None
    missing: tuple[tuple[int, int], ...]


class GatewayRecord:
    """The counts behind a `GatewayView`; one for each gateway that has been heard of."""

    __slots__ = (
        "id",
        "last_message_at",
        "last_payload",
        "messages",
        "number",
        "online",
        "readings",
        "rejected",
    )

    def __init__(self, gateway: str, number: int) -> None:
        self.id = gateway
        self.number = number
        self.online: bool | None = None
        self.last_message_at: int | None = None
        self.last_payload = b""
        self.messages = 0
        self.readings = 0
        self.rejected = 0

    def heard(self, payload: bytes, received: int) -> None:
        """Note a message of telemetry or backfill."""
        self.messages += 1
        self.last_message_at = received
        self.last_payload = payload if len(payload) <= KEPT_BYTES else payload[:KEPT_BYTES]

    def view(self, sequences: SequenceTracker) -> GatewayView:
        stored = sequences.stored(self.number)
        return GatewayView(
            online=self.online,
            last_message_at=self.last_message_at,
            last_payload=self.last_payload.decode("utf-8", "replace") if self.messages else None,
            messages=self.messages,
            readings=self.readings,
            rejected=self.rejected,
            boot=stored[0] if stored else None,
            stored_through=stored[1] if stored else None,
            missing=sequences.missing(self.number)[:_GAPS_SHOWN],
        )


class Records(dict[int, GatewayRecord]):
    """Records by gateway number, of all that were heard of."""

    def of(self, gateway: str, number: int) -> GatewayRecord:
        """The record of a gateway; a new one if there is none, or the number was another's."""
        record = self.get(number)
        if record is None or record.id != gateway:
            record = self[number] = GatewayRecord(gateway, number)
        return record


def never_heard(number: int, sequences: SequenceTracker) -> GatewayView:
    """The view of a gateway that has said nothing since this process started."""
    return GatewayRecord("", number).view(sequences)
