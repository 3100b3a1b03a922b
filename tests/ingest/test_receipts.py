"""Every boot of a gateway hears how far it is stored, and never further."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from domain.sequence import SequenceTracker
from domain.wire import SensorRef
from ingest import GatewayTags, Timing
from ingest.receipts import Receipts
from service.embedded import NatsBroker
from service.embedded.broker import Broker
from tests.domain.test_sequence import tracker_of
from tests.ingest.scene import (
    GATEWAYS,
    PASSWORD,
    Answers,
    Scene,
    gateway,
    ingesting,
    message,
    open_journal,
    publish,
    until,
)


def receipts(tracker: SequenceTracker) -> tuple[Receipts, list[tuple[str | None, int]]]:
    heard: list[tuple[str | None, int]] = []

    def hear(_: str, payload: bytes) -> bool:
        receipt = msgspec.json.decode(payload)
        heard.append((receipt["boot"], receipt["stored"]))
        return True

    return Receipts(tracker, hear), heard


def test_boots_take_turns_so_that_a_gateway_hears_at_most_one_receipt_at_a_time() -> None:
    told, heard = receipts(tracker_of((7, "b6", 1), (7, "b8", 1)))
    for boot in ("b6", "b8", "b6"):
        told.owe(7, "gw7", boot)
    told.send(0)
    assert heard == [("b6", 1)]
    told.owe(7, "gw7", "b6")
    told.send(0)
    told.send(0)
    told.send(0)
    assert heard == [("b6", 1), ("b8", 1), ("b6", 1)]


def test_a_boot_that_is_forgotten_is_owed_nothing() -> None:
    told, heard = receipts(SequenceTracker())
    told.owe(7, "gw7", "b6")
    told.send(0)
    assert heard == []


def test_a_gateway_that_flushes_an_earlier_boot_hears_receipts_of_both(
    broker: Broker, data_dir: Path
) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db"), gateway(broker) as client:
            answers = await Answers.of(client)
            await publish(client, message(1, boot="b8"))
            await publish(client, message(1, boot="b6"))
            for seq in (2, 3):
                await publish(client, message(seq, boot="b8"))
                await publish(client, message(seq, boot="b6"))
            stored: dict[str, int] = {}
            async with asyncio.timeout(20):
                while stored != {"b6": 3, "b8": 3}:
                    receipt = await answers.next("receipt")
                    stored[receipt["boot"]] = receipt["stored"]

    asyncio.run(run())


def test_the_boot_of_an_unreadable_message_is_not_guessed_to_be_none(
    broker: Broker, data_dir: Path
) -> None:
    unreadable = b'{"seq": 2, "readings": [{"s": "t1", "v": }], "boot": "b"}'

    async def run() -> None:
        async with (
            broker,
            ingesting(broker, data_dir / "journal.db") as stage,
            gateway(broker) as client,
        ):
            answers = await Answers.of(client)
            await publish(client, message(1))
            await publish(client, unreadable)
            await publish(client, message(3))
            rejected = await answers.next("rejected")
            assert (rejected["boot"], rejected["seq"]) == (None, None)
            await until(lambda: stage.ingest.gateway(1).missing == ((2, 2),), within_s=20)
            assert stage.ingest.sequences.boots(1) == ("b",)
            await publish(client, message(2))
            assert (await answers.receipt_through(3))["boot"] == "b"

    asyncio.run(run())


def test_a_gateway_that_counts_without_a_boot_is_receipted_past_an_unreadable_message(
    broker: Broker, data_dir: Path
) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db"), gateway(broker) as client:
            answers = await Answers.of(client)
            await publish(client, b'{"seq": 1, "readings": 7}')
            assert (await answers.next("rejected"))["seq"] == 1
            await publish(client, b'{"seq": 2, "readings": [{]}')
            assert (await answers.next("rejected"))["seq"] == 2
            await publish(client, b'{"seq": 3, "readings": [{"s": "t1", "v": 1}]}')
            assert (await answers.receipt_through(3))["boot"] is None

    asyncio.run(run())


def test_what_was_answered_before_a_gateway_was_registered_counts_afterwards(
    broker: Broker, data_dir: Path
) -> None:
    registry = dict(GATEWAYS)

    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db", tags=registry.get) as stage:
            await broker.add_gateways({"gw9": PASSWORD})
            async with gateway(broker, "gw9") as client:
                answers = await Answers.of(client)
                for seq in (1, 2, 3):
                    await publish(client, message(seq))
                    assert (await answers.next("rejected"))["seq"] == seq
                registry["gw9"] = GatewayTags(9, {"t1": SensorRef(90)})
                await publish(client, message(4))
                await answers.receipt_through(4, within_s=20)
            assert sorted(await stage.kept(9)) == [1, 2, 3, 4]  # and so it is after a restart

    asyncio.run(run())


def test_telemetry_over_http_hears_of_its_own_boot(data_dir: Path) -> None:
    async def run() -> None:
        stage = Scene(NatsBroker(data_dir), await open_journal(data_dir / "j.db"), Timing())
        stage.ingest._downlink.session = None
        running = asyncio.create_task(stage.ingest.run())
        for seq in (1, 2):
            await stage.ingest.post("gw1", message(seq, boot="b8"), backfill=False)
        older = await stage.ingest.post("gw1", message(1, boot="b6"), backfill=True)
        newer = await stage.ingest.post("gw1", message(3, boot="b8"), backfill=False)
        assert (older.boot, older.stored) == ("b6", 1)
        assert (newer.boot, newer.stored) == ("b8", 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stage.journal.close()

    asyncio.run(run())
