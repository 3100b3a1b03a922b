"""A broker that has more for us than memory holds: the login goes through, nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ingest import Timing, packets
from ingest.mqtt import MqttSession
from ingest.packets import Delivery
from ingest.wire import Wire
from service.embedded.broker import Broker
from tests.ingest.peer import CONNACK, peer
from tests.ingest.scene import gateway, ingesting, message, publish, until

MESSAGES = 300
MOST_BYTES = 200_000


def test_a_backlog_beyond_memory_blocks_no_login_while_nothing_becomes_durable(
    broker: Broker, data_dir: Path
) -> None:
    async def run() -> None:
        async with broker:
            async with ingesting(broker, data_dir / "first.db"):
                pass  # the session stays
            async with gateway(broker) as client:
                for seq in range(1, MESSAGES + 1):
                    await publish(client, message(seq, filler="x" * 5000))
            timing = Timing(redelivery_s=broker.redelivery_s, most_bytes=MOST_BYTES)
            async with ingesting(
                broker, data_dir / "second.db", timing=timing, durable=False
            ) as stage:  # it is logged in
                await until(lambda: stage.ingest.waiting_bytes > MOST_BYTES)
                assert stage.session.connection == 1
                assert stage.ingest.waiting_bytes < 2 * MOST_BYTES
                stage.gate.set()

                async def complete() -> bool:
                    return set(await stage.kept()) == set(range(1, MESSAGES + 1))

                await until(complete, within_s=45)

    asyncio.run(run())


def test_nothing_is_taken_from_a_connection_that_is_closed() -> None:
    async def run() -> None:
        taken: list[list[Delivery]] = []
        wire = Wire(taken.append, skipping=False)
        wire.take_deliveries()
        wire.close()
        packet = packets.publish("t", b"late", 1)
        wire.get_buffer(-1)[: len(packet)] = packet
        wire.buffer_updated(len(packet))
        assert taken == []

    asyncio.run(run())


def test_every_message_is_taken_with_the_number_of_the_connection_that_brought_it() -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(CONNACK + packets.publish("t", b"x", 1) + b"\x90\x03\x00\x01\x01")
        await reader.read(1024)
        writer.close()

    async def run() -> None:
        taken: list[int] = []
        async with peer(act) as url:
            session = MqttSession(
                url, client_id="test", filters=["t"], take=lambda number, _: taken.append(number)
            )
            running = asyncio.create_task(session.run())
            await until(lambda: len(taken) >= 3)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert taken[:3] == [1, 2, 3]

    asyncio.run(run())


def test_a_message_before_the_login_is_answered_is_a_violation() -> None:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(packets.publish("t", b"x", 1))

    async def run() -> None:
        async with peer(act) as url:
            session = MqttSession(
                url, client_id="test", filters=["t"], take=lambda _, deliveries: None
            )
            running = asyncio.create_task(session.run())
            await until(lambda: "before the CONNACK" in (session.fault or ""))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
