"""SIGKILL of the consumer, again and again: nothing acknowledged is lost, order is kept."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from service.embedded.broker import Broker
from tests.ingest.scene import (
    GATEWAYS,
    PASSWORD,
    batches,
    gateway,
    message,
    open_journal,
    publish,
    sequences,
)

ROOT = Path(__file__).parents[2]
KILLS = 6
MESSAGES = 1500
"""Of each gateway."""


async def start_consumer(broker: Broker, journal: Path) -> Process:
    login = broker.service
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "tests" / "ingest" / "consumer.py"),
        broker.url, login.client_id, login.username, login.password,
        str(journal), str(broker.redelivery_s),
        stdout=PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(15):
        assert await process.stdout.readline() == b"ready\n"
    return process


async def play_gateway(broker: Broker, name: str, acknowledged: list[int]) -> None:
    """Publish in order, two messages on the way at a time, noting what was acknowledged.

    Small steps without a pause: whenever the consumer is killed, it has messages in hand.
    """

    async def one(seq: int) -> None:
        await publish(client, message(seq))
        acknowledged.append(seq)

    async with gateway(broker, name) as client:
        for start in range(1, MESSAGES + 1, 2):
            await asyncio.gather(one(start), one(start + 1))
            await asyncio.sleep(0.01)


async def kill_now_and_then(
    broker: Broker, journal: Path, acknowledged: dict[str, list[int]]
) -> Process:
    consumer = await start_consumer(broker, journal)
    await broker.admit_gateways()
    await broker.add_gateways(dict.fromkeys(GATEWAYS, PASSWORD))
    playing = asyncio.gather(*(play_gateway(broker, name, acknowledged[name]) for name in GATEWAYS))
    chance = random.Random(7)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.3, 1.8))
        consumer.kill()
        await consumer.wait()
        consumer = await start_consumer(broker, journal)
    await playing
    return consumer


@pytest.mark.timeout(120)
def test_no_kill_of_the_consumer_loses_or_reorders_what_was_acknowledged(
    shipped_broker: Broker, data_dir: Path
) -> None:
    broker = shipped_broker
    path = data_dir / "journal.db"
    acknowledged: dict[str, list[int]] = {name: [] for name in GATEWAYS}

    async def run() -> None:
        async with broker:
            consumer = await kill_now_and_then(broker, path, acknowledged)
            await asyncio.sleep(3 * broker.redelivery_s + 1)  # what it still owes is sent by then
            consumer.kill()
            await consumer.wait()

    asyncio.run(run())

    async def read() -> dict[str, list[int]]:
        journal = await open_journal(path)
        kept = await batches(journal)
        await journal.close()
        return {name: sequences(kept, known.number) for name, known in GATEWAYS.items()}

    kept = asyncio.run(read())
    for name in GATEWAYS:
        assert len(acknowledged[name]) == MESSAGES
        assert set(acknowledged[name]) - set(kept[name]) == set()
        first_times = list(dict.fromkeys(kept[name]))
        assert first_times == sorted(first_times)
