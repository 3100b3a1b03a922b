"""A real broker for the simulators, and a plain client in the service's place."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from service.embedded import NatsBroker
from simulators.broker import Broker, Login, topic

DEADLINE_S = 60.0


def now_us() -> int:
    return time.time_ns() // 1000


async def until(met: Callable[[], bool], *, within_s: float = DEADLINE_S) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    async with asyncio.timeout(within_s):
        while not met():
            await asyncio.sleep(0.01)


@dataclass(slots=True)
class House:
    """The broker, and everything the service's place has heard on it."""

    server: NatsBroker
    client: aiomqtt.Client
    heard: list[tuple[str, str, Any]] = field(default_factory=list)
    """(gateway, last topic level, decoded payload), in order of arrival."""
    listening: asyncio.Task[None] | None = None

    @property
    def broker(self) -> Broker:
        return Broker.from_url(self.server.url)

    def login(self, gateway: str) -> Login:
        return Login(gateway, password(gateway))

    def on(self, leaf: str, gateway: str | None = None) -> list[Any]:
        """Payloads heard on one topic level, of one gateway or of all."""
        return [p for g, heard_on, p in self.heard if heard_on == leaf and gateway in (None, g)]

    def sequences(self, gateway: str) -> list[int]:
        return [message["seq"] for message in self.on("telemetry", gateway)]

    async def say(self, gateway: str, leaf: str, payload: bytes) -> None:
        await self.client.publish(topic(gateway, leaf), payload, qos=1)

    async def listen(self) -> None:
        with contextlib.suppress(aiomqtt.MqttError):  # the end of the connection, and of the queue
            async for message in self.client.messages:
                _, _, gateway, leaf = message.topic.value.split("/")
                self.heard.append((gateway, leaf, msgspec.json.decode(message.payload)))

    async def heard_everything(self) -> None:
        """Wait until all that came before the client left is in `heard`."""
        if self.listening is not None:
            await asyncio.wait_for(self.listening, 5)


def password(gateway: str) -> str:
    return f"password-of-{gateway}"


@contextlib.asynccontextmanager
async def open_house(
    data_dir: Path, gateways: Iterable[str], *, port: int = 0
) -> AsyncIterator[House]:
    """A broker that knows these gateways, listened to."""
    async with NatsBroker(data_dir, port=port) as server:
        await server.add_gateways({name: password(name) for name in gateways})
        where = Broker.from_url(server.url)
        client = aiomqtt.Client(
            where.host,
            where.port,
            identifier=server.service.client_id,
            username=server.service.username,
            password=server.service.password,
            clean_session=False,
        )
        house = House(server, client)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(house.heard_everything)
            await stack.enter_async_context(client)
            await client.subscribe([(topic("+", leaf), 1) for leaf in _UP])
            await server.admit_gateways()
            house.listening = asyncio.create_task(house.listen())
            yield house


_UP = ("telemetry", "backfill", "status")
