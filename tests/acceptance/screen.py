"""A duty operator's side of the service, over its real HTTP surface."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import httpx
from httpx_sse import aconnect_sse

from service.control import Running
from simulators.broker import Login


class Screen:
    """Watches the stream and acts; `events` holds what the stream said, newest last."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.events: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self._news = asyncio.Condition()

    async def watch(self) -> None:
        """Follow the live stream, for ever."""
        async with aconnect_sse(
            self.client, "GET", "/api/v1/stream?latest=none", timeout=None
        ) as source:
            async for event in source.aiter_sse():
                self.open.set()
                if event.event == "alarm":
                    async with self._news:
                        self.events.append(json.loads(event.data))
                        self._news.notify_all()

    async def alarm(self, tag: str, *, state: str, within_s: float) -> dict[str, Any]:
        """The alarm of a sensor as the stream shows it in this state."""

        def shown() -> dict[str, Any] | None:
            found = [
                event["alarm"]
                for event in self.events
                if event["alarm"]["sensor"] and event["alarm"]["sensor"]["tag"] == tag
            ]
            return found[-1] if found and found[-1]["state"] == state else None

        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: shown() is not None)
        found = shown()
        assert found is not None
        return found

    async def acknowledge(self, alarm: dict[str, Any]) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/alarms/{alarm['id']}/acknowledge",
            json={"note": "seen", "seen": alarm["state"]},
        )


@asynccontextmanager
async def screen_on(running: Running) -> AsyncIterator[Screen]:
    """A signed-in screen with its stream open."""
    async with httpx.AsyncClient(
        base_url=running.url, headers={"Authorization": f"Bearer {running.token}"}, timeout=10
    ) as client:
        screen = Screen(client)
        watching = asyncio.ensure_future(screen.watch())
        try:
            async with asyncio.timeout(10):
                await screen.open.wait()
            yield screen
        finally:
            watching.cancel()


@asynccontextmanager
async def gateway_on(port: int, login: Login) -> AsyncIterator[Gateway]:
    """An ordinary MQTT client with a gateway's credentials."""
    async with aiomqtt.Client(
        "127.0.0.1", port, username=login.username, password=login.password,
        identifier=f"{login.username}-by-hand",
    ) as client:  # fmt: skip
        yield Gateway(client, login.username)


class Gateway:
    """Publishes one value at a time, stamped with the present time."""

    def __init__(self, client: aiomqtt.Client, name: str) -> None:
        self._client = client
        self._name = name
        self._last_ms = 0

    async def says(self, tag: str, value: float) -> None:
        self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
        payload = {"ts": self._last_ms, "sent": self._last_ms, "readings": [{"s": tag, "v": value}]}
        await self._client.publish(f"vedette/v1/{self._name}/telemetry", json.dumps(payload), qos=1)
