"""The empty demo and the boxes a person connects to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import httpx

from service import control
from simulators.broker import Login

LIMIT = {"setpoint": 50.0, "deadband": 2.0, "on_delay_s": 0, "off_delay_s": 0, "latch": False}


class Starter:
    """A running demo: its addresses, and who may add to it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.running = control.find(data_dir)
        self.mqtt_port = urlsplit(self.running.mqtt_url).port or 1883

    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.running.url,
            headers={"Authorization": f"Bearer {self.running.token}"},
            timeout=10,
        )

    def add_gateway(self, id_: str, tags: Mapping[str, Mapping[str, Any]]) -> Login:
        """A gateway of the only site, with gas sensors by tag and the limits given for each."""
        with self.http() as client:
            answer = client.post("/api/v1/gateways", json={"id": id_, "site": "site-1"})
            assert answer.status_code == 201, answer.text
            mqtt = answer.json()["mqtt"]
            for tag, limits in tags.items():
                sensor = {"gateway": id_, "tag": tag, "measurand": "GAS_LEL", "limits": limits}
                added = client.post("/api/v1/sensors", json=sensor)
                assert added.status_code == 201, added.text
        return Login(mqtt["username"], mqtt["password"])

    def sensor(self, gateway: str, tag: str) -> int:
        with self.http() as client:
            answer = client.get("/api/v1/sensors", params={"gateway": gateway})
            return next(int(row["id"]) for row in answer.json()["items"] if row["tag"] == tag)

    def readings(self, sensor: int, *, start: str, end: str) -> list[float | None]:
        """Raw values of a stretch, oldest first."""
        with self.http() as client:
            answer = client.get(
                f"/api/v1/sensors/{sensor}/readings",
                params={"start": start, "end": end, "resolution": "raw"},
            )
            assert answer.status_code == 200, answer.text
            values: list[float | None] = answer.json()["value"]
            return values

    def open_alarms(self, gateway: str) -> list[dict[str, Any]]:
        with self.http() as client:
            items = client.get("/api/v1/alarms", params={"state": "open"}).json()["items"]
        return [alarm for alarm in items if alarm["gateway"]["id"] == gateway]

    def refused(self, gateway: str) -> list[dict[str, Any]]:
        """What the device page lists as refused, newest first."""
        with self.http() as client:
            page = client.get(f"/api/v1/gateways/{gateway}").json()
        rejections: list[dict[str, Any]] = page["rejections"]
        return rejections


class Box:
    """A gateway as an ordinary MQTT client, listening to what is answered to it."""

    def __init__(self, client: aiomqtt.Client, name: str) -> None:
        self.client = client
        self.name = name

    async def send(self, payload: Any, topic: str = "telemetry", **options: Any) -> None:
        """Publish bytes as they are, or an object as JSON; returns when the broker has it."""
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        await self.client.publish(f"vedette/v1/{self.name}/{topic}", content, qos=1, **options)

    async def heard(self, topic: str, *, within_s: float = 10.0) -> dict[str, Any]:
        """The next answer on a down topic; others are passed over."""
        async with asyncio.timeout(within_s):
            async for message in self.client.messages:
                if message.topic.value == f"vedette/v1/{self.name}/{topic}":
                    answer: dict[str, Any] = json.loads(bytes(message.payload))
                    return answer
        raise AssertionError("the client ended")

    async def receipted(self, seq: int, *, within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s):
            while (await self.heard("receipt", within_s=within_s))["stored"] < seq:
                pass


@asynccontextmanager
async def box_on(port: int, login: Login, *, session: str | None = None) -> AsyncIterator[Box]:
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=login.username,
        password=login.password,
        identifier=session or login.username,
    ) as client:
        for topic in ("receipt", "rejected"):
            await client.subscribe(f"vedette/v1/{login.username}/{topic}", qos=1)
        yield Box(client, login.username)
