"""More messages than packet ids, and messages that come twice: each is taken once, none is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from ingest import Timing
from service.embedded.broker import Broker
from simulators.broker import Broker as Address
from simulators.broker import Login
from simulators.load import LoadGateway, LoadPlan, publish_load
from tests.ingest.scene import PASSWORD, Answers, gateway, ingesting, message, publish, until

PACKET_IDS = 65_535
MESSAGES = 150_000


def test_more_messages_in_hand_than_packet_ids_lose_none(broker: Broker, data_dir: Path) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db") as stage:
            stage.disk_s = 0.4  # slow enough that mosquitto runs far ahead of what we acknowledge
            plan = LoadPlan(
                gateways=tuple(
                    LoadGateway(
                        gateway=f"gw{k}", login=Login(f"gw{k}", PASSWORD), tags=("t1", "t2")
                    )
                    for k in range(1, 5)
                ),
                seconds=60,
                in_flight=15_000,
            )
            issued = most = 0

            def budget() -> int:
                nonlocal issued
                issued = min(issued + 150, MESSAGES)
                return issued

            stop = asyncio.Event()
            publishing = asyncio.ensure_future(
                publish_load(
                    plan,
                    broker=Address("127.0.0.1", stage.broker.port),
                    clock=lambda: time.time_ns() // 1000,
                    budget=budget,
                    stop=stop,
                )
            )

            async def taken() -> bool:
                nonlocal most
                most = max(most, stage.session.in_hand)
                return stage.ingest.figures.readings >= MESSAGES and not stage.ingest.waiting_bytes

            await until(taken, within_s=60)
            assert most < PACKET_IDS
            stop.set()
            report = await publishing
            kept = [await stage.kept(k) for k in range(1, 5)]
            assert report.unacknowledged == 0
            assert sum(len(set(each)) for each in kept) == report.published

    asyncio.run(run())


def test_a_copy_without_times_is_taken_once(broker: Broker, data_dir: Path) -> None:
    async def run() -> None:
        timing = Timing(redelivery_s=broker.redelivery_s)
        async with broker, ingesting(broker, data_dir / "journal.db", timing=timing) as stage:
            timeless = msgspec.json.encode(
                {"boot": "b", "seq": 1, "readings": [{"s": "t1", "v": 3.0}]}
            )
            async with gateway(stage.broker) as client:
                answers = await Answers.of(client)
                await publish(client, timeless)
                await answers.receipt_through(1)
                await publish(client, timeless)
                await publish(client, message(2))
                await answers.receipt_through(2)
            assert await stage.kept() == [1, 2]
            assert stage.ingest.figures.repeated == 1

    asyncio.run(run())


def test_a_gateway_that_counts_anew_without_a_new_boot_is_still_heard(
    broker: Broker, data_dir: Path
) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db") as stage:
            async with gateway(stage.broker) as client:
                answers = await Answers.of(client)
                for seq in (1, 2, 3):
                    await publish(client, message(seq))
                await answers.receipt_through(3)
                await publish(client, message(1, value=99.0))
                await publish(client, message(4))
                await answers.receipt_through(4)
            assert await stage.kept() == [1, 2, 3, 1, 4]

    asyncio.run(run())
