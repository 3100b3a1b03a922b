"""The running engine and ingest, as the API sees them (`api.ports.Live`).

Everything here answers from memory, so it goes on while the database is away.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from typing import Any

from alerting import Act, Alarm, Refusal
from alerting.conditions import NEVER
from api.ports import Credentials, Event, GatewayLive, Latest, PostedTelemetry
from domain.entries import Entry, EntryKind
from domain.readings import Position
from ingest import Ingest
from service.brokers import BrokerAdmin
from service.feed import Feed
from service.health import Health
from service.registration import Registration
from service.spine import Spine
from service.storer import Storer
from store.registry import Registry

PASSWORD_BYTES = 24
"""192 random bits, so a plain hash of it is enough."""


class LiveEngine:
    """Binds spine, ingest, storer, feed and registration into what the API asks for."""

    def __init__(
        self,
        *,
        spine: Spine,
        ingest: Ingest,
        storer: Storer,
        feed: Feed,
        registration: Registration,
        broker: BrokerAdmin,
        health: Health,
    ) -> None:
        self._spine = spine
        self._ingest = ingest
        self._storer = storer
        self._feed = feed
        self._registration = registration
        self._broker = broker
        self._health = health

    @property
    def registry(self) -> Registry:
        return self._registration.registry

    @property
    def stored_position(self) -> Position:
        return Position(self._storer.committed)

    def open_alarms(self) -> list[Alarm]:
        return list(self._spine.fold.state.alarms.values())

    def latest(self) -> Latest:
        newest = self._spine.fold.state.newest
        known = newest.time != NEVER
        return Latest(
            sensor=self._spine.fold.program.sensor[known],
            time=newest.time[known],
            value=newest.value[known],
            quality=newest.quality[known],
            received=newest.received[known],
        )

    def gateway(self, number: int) -> GatewayLive:
        heard = self._ingest.gateway(number)
        fold = self._spine.fold
        row = fold.program.gateways.row(number)
        offset = NEVER if row < 0 else int(fold.state.gateways.offset[row])
        return GatewayLive(
            online=heard.online,
            last_message_at=heard.last_message_at,
            last_payload=heard.last_payload,
            messages=heard.messages,
            readings=heard.readings,
            rejected=heard.rejected,
            boot=heard.boot,
            stored_through=heard.stored_through,
            missing=heard.missing,
            clock_offset_us=None if offset == NEVER else offset,
            silent=row >= 0 and bool(fold.state.gateways.stale[row]),
        )

    def health(self) -> dict[str, Any]:
        return self._health.frame()

    def unready(self) -> list[str]:
        return self._health.unready()

    async def act(self, act: Act) -> Alarm | Refusal:
        _, outcome = await self._spine.decide(Entry(EntryKind.ACT, act.to_bytes()))
        if outcome.refusal is not None:
            return outcome.refusal
        return next(alarm for alarm in outcome.alarms if alarm.id == act.alarm)

    def events(
        self, after: tuple[int, int] | None, *, screen: bool = True
    ) -> AsyncIterator[Event | None]:
        return self._feed.subscribe(after, screen=screen)

    async def registry_changed(self) -> None:
        await self._registration.refresh(self._spine)

    async def add_gateway_credentials(self, gateway: str) -> Credentials:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        await self._registration.set_credential(gateway, hash_password(password))
        await self._broker.add_gateway(gateway, password)
        return Credentials(gateway, password)

    async def remove_gateway_credentials(self, gateway: str) -> None:
        await self._broker.remove_gateway(gateway)
        await self._registration.set_credential(gateway, None)

    async def check_gateway_password(self, gateway: str, password: str) -> bool:
        kept = self._registration.credentials.get(gateway)
        return kept is not None and hmac.compare_digest(kept, hash_password(password))

    async def post_telemetry(
        self, gateway: str, payload: bytes, *, backfill: bool
    ) -> PostedTelemetry:
        posted = await self._ingest.post(gateway, payload, backfill=backfill)
        errors = tuple((error.path, error.reason) for error in posted.errors)
        return PostedTelemetry(posted.boot, posted.stored, errors)


def hash_password(password: str) -> str:
    """Of a machine-made password with 192 random bits; people's passwords take argon2."""
    return hashlib.sha256(password.encode()).hexdigest()
