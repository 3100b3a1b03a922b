"""Ingest at work between a real broker and a real journal, and gateways that talk to it."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiomqtt
import msgspec

from domain.entries import Entry, EntryKind
from domain.readings import ReadingBatch
from domain.sequence import SequenceTracker
from domain.wire import SensorRef
from ingest import GatewayTags, Ingest, Quarantined, Timing
from service.embedded.broker import Broker
from store.journal import SqliteJournal

GATEWAYS = {
    f"gw{number}": GatewayTags(
        number, {"t1": SensorRef(10 * number), "t2": SensorRef(10 * number + 1)}
    )
    for number in range(1, 5)
}
PASSWORD = "password-of-a-test"


def message(seq: int, *, boot: str = "b", value: float = 1.0, **more: Any) -> bytes:
    content = {"ts": now_ms(), "boot": boot, "seq": seq, "readings": [{"s": "t1", "v": value}]}
    return msgspec.json.encode({**content, **more})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def open_journal(path: Path, *, max_bytes: int = 1 << 30) -> SqliteJournal:
    return await SqliteJournal.open(path, now_s=int(time.time()), max_bytes=max_bytes)


async def batches(journal: SqliteJournal) -> list[ReadingBatch]:
    """Every batch the journal holds, in order."""
    found: list[ReadingBatch] = []
    after = 0
    while entries := await journal.read(after, max_bytes=1 << 24):
        found += (ReadingBatch.from_bytes(entry.payload) for _, entry in entries)
        after = entries[-1][0]
    return found


def sequences(kept: Iterable[ReadingBatch], number: int) -> list[int]:
    """The seq of every message of one gateway, in the order they became durable."""
    return [
        seq
        for batch in kept
        for gateway, seq in zip(
            batch.messages.gateway.tolist(), batch.messages.sequence.tolist(), strict=True
        )
        if gateway == number
    ]


class Scene:
    """A broker, an ingest and its journal; `gate` keeps batches from becoming durable."""

    def __init__(
        self,
        broker: Broker,
        journal: SqliteJournal,
        timing: Timing,
        *,
        ca_file: Path | None = None,
        tags: Callable[[str], GatewayTags | None] = GATEWAYS.get,
    ) -> None:
        self.broker = broker
        self.journal = journal
        self.gate = asyncio.Event()
        self.gate.set()
        self.disk_s = 0.0
        """How long the disk takes for a batch."""
        self.offered = 0
        self.quarantined: list[Quarantined] = []
        self.ingest = Ingest(
            sink=self._keep,
            tags=tags,
            clock=lambda: time.time_ns() // 1000,
            sequences=SequenceTracker(),
            quarantine=self.quarantined.append,
            timing=timing,
        )
        login = broker.service
        self.session = self.ingest.connect_to(
            broker.url,
            client_id=login.client_id,
            username=login.username,
            password=login.password,
            ca_file=ca_file,
        )

    async def _keep(self, batch: ReadingBatch) -> None:
        self.offered += 1
        await self.gate.wait()
        await asyncio.sleep(self.disk_s)
        await self.journal.append([Entry(EntryKind.BATCH, batch.to_bytes())])

    async def kept(self, number: int = 1) -> list[int]:
        return sequences(await batches(self.journal), number)


@asynccontextmanager
async def ingesting(
    broker: Broker,
    path: Path,
    *,
    timing: Timing | None = None,
    max_bytes: int = 1 << 30,
    tags: Callable[[str], GatewayTags | None] = GATEWAYS.get,
    durable: bool = True,
) -> AsyncIterator[Scene]:
    """Start an ingest on a running broker, let the gateways in, stop it at the end.

    Args:
        broker: Running.
        path: Of the journal.
        timing: The broker's own, if not given.
        max_bytes: Of the journal.
        tags: Gateways and their tags.
        durable: Not: the gate is shut before the first message comes.
    """
    journal = await open_journal(path, max_bytes=max_bytes)
    timing = timing or Timing(redelivery_s=broker.redelivery_s)
    scene = Scene(broker, journal, timing, tags=tags)
    if not durable:
        scene.gate.clear()
    running = asyncio.create_task(scene.ingest.run())
    try:
        async with asyncio.timeout(10):
            await scene.session.ready.wait()
        if broker.gateways != set(GATEWAYS):
            await broker.admit_gateways()
            await broker.add_gateways(dict.fromkeys(GATEWAYS, PASSWORD))
        yield scene
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await journal.close()


def gateway(broker: Broker, name: str = "gw1", **options: Any) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", broker.port, username=name, password=PASSWORD, identifier=name, **options
    )


async def connect_with_will(
    broker: Broker, name: str, topic: str, payload: bytes
) -> asyncio.StreamWriter:
    """Log a gateway in with a retained last will, over a bare socket that can be cut."""

    def text(content: bytes) -> bytes:
        return struct.pack(">H", len(content)) + content

    body = b"\x00\x04MQTT\x04\xee\x00\x3c"  # user, password, will retained at QoS 1, clean
    for field in (name.encode(), topic.encode(), payload, name.encode(), PASSWORD.encode()):
        body += text(field)
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(bytes((0x10, len(body))) + body)
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    return writer


async def publish(client: aiomqtt.Client, payload: bytes, topic: str = "telemetry") -> None:
    """Publish on the client's own topic; returns when the broker has acknowledged."""
    await client.publish(f"vedette/v1/{client.identifier}/{topic}", payload, qos=1)


class Answers:
    """What a gateway hears on `receipt` and `rejected`."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    @classmethod
    async def of(cls, client: aiomqtt.Client) -> Self:
        for topic in ("receipt", "rejected"):
            await client.subscribe(f"vedette/v1/{client.identifier}/{topic}", qos=1)
        return cls(client)

    async def next(self, topic: str, *, within_s: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            async for heard in self._client.messages:
                if heard.topic.value.endswith(topic):
                    return msgspec.json.decode(heard.payload, type=dict[str, Any])
        raise AssertionError

    async def receipt_through(self, seq: int, *, within_s: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            while (receipt := await self.next("receipt", within_s=within_s))["stored"] < seq:
                pass
        return receipt


async def until(claim: Callable[[], bool | Awaitable[bool]], *, within_s: float = 15) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(within_s):
        while True:
            answer = claim()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)
