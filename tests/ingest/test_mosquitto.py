"""What docs/brokers.md says of mosquitto: where it saves, and what it does to a forbidden publish."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt

from ingest import packets
from service.embedded import MosquittoBroker
from tests.ingest.conftest import ShippedMosquitto
from tests.ingest.peer import CONNACK
from tests.ingest.scene import PASSWORD, Answers, gateway, ingesting, message, publish, until

FORBIDDEN, OWN = "vedette/v1/gw2/telemetry", "vedette/v1/gw1/telemetry"


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


@asynccontextmanager
async def session_of_the_service(broker: MosquittoBroker) -> AsyncIterator[aiomqtt.Client]:
    login = broker.service
    async with aiomqtt.Client(
        "127.0.0.1", broker.port, username=login.username, password=login.password,
        identifier=login.client_id, clean_session=False,
    ) as listener:  # fmt: skip
        yield listener


def test_saving_every_change_a_kill_at_a_puback_takes_that_message_at_most(data_dir: Path) -> None:
    async def run() -> None:
        async with MosquittoBroker(data_dir, port=0, save_every_change=True) as broker:
            await broker.admit_gateways()
            password = await broker.add_gateway("gw1")
            async with session_of_the_service(broker) as listener:
                await listener.subscribe("vedette/v1/+/telemetry", 1)
            async with aiomqtt.Client(
                "127.0.0.1", broker.port, username="gw1", password=password
            ) as client:
                for number in range(20):
                    await client.publish("vedette/v1/gw1/telemetry", b"%d" % number, qos=1)
                killed = broker.pid
                assert killed is not None
                os.kill(killed, signal.SIGKILL)
                await until(lambda: broker.pid not in {None, killed})
            await until(broker.is_ready)
            found: set[int] = set()
            async with asyncio.timeout(5), session_of_the_service(broker) as listener:
                async for queued in listener.messages:
                    found.add(int(queued.payload))
                    if found >= set(range(19)):
                        break

    asyncio.run(run())


def test_a_forbidden_publish_is_acknowledged_and_its_gateway_taken_again_when_it_returns(
    data_dir: Path,
) -> None:
    async def run() -> None:
        broker = ShippedMosquitto(data_dir, port=0)
        async with broker, ingesting(broker, data_dir / "journal.db") as stage:
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(
                packets.connect(client_id="gw1", username="gw1", password=PASSWORD, keep_alive_s=60)
            )
            assert await reader.readexactly(4) == CONNACK
            for packet_id, topic in ((1, FORBIDDEN), (2, OWN)):
                writer.write(packets.publish(topic, message(1), packet_id))
            assert await reader.readexactly(4) == puback(1)
            with suppress(ConnectionResetError):  # 2.0.11 cuts it off, later ones do not
                assert await asyncio.wait_for(reader.read(4), 5) in {b"", puback(2)}
            writer.close()
            async with gateway(broker) as client:
                answers = await Answers.of(client)
                await publish(client, message(1))
                await answers.receipt_through(1)
            assert await stage.kept(2) == []

    asyncio.run(run())
