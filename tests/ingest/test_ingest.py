"""The contract of ingest at its seam, on both brokers: durable first, then acknowledged."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from domain.wire import Cause, MalformedMessage
from ingest import LayerAlone, Timing
from service.embedded import NatsBroker
from service.embedded.broker import Broker
from store.journal import JournalUnavailable
from tests.ingest.scene import (
    GATEWAYS,
    PASSWORD,
    Answers,
    Scene,
    batches,
    connect_with_will,
    gateway,
    ingesting,
    message,
    now_ms,
    open_journal,
    publish,
    sequences,
    until,
)

Play = Callable[[Scene], Coroutine[Any, Any, None]]


def play(broker: Broker, data_dir: Path, scene: Play, **options: Any) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db", **options) as stage:
            await scene(stage)

    asyncio.run(run())


def test_a_published_message_becomes_durable_and_is_receipted(
    broker: Broker, data_dir: Path
) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            await publish(client, message(1, value=4.5))
            assert await answers.receipt_through(1) == {
                "boot": "b",
                "stored": 1,
                "ts": pytest.approx(now_ms(), abs=5000),
            }
        [batch] = await batches(stage.journal)
        assert batch.sensor.tolist() == [10]
        assert batch.value.tolist() == [4.5]
        assert stage.ingest.figures.messages == 1
        view = stage.ingest.gateway(1)
        assert (view.messages, view.readings, view.boot, view.stored_through) == (1, 1, "b", 1)
        assert view.last_payload is not None
        assert '"seq":1' in view.last_payload

    play(broker, data_dir, scene)


def test_nothing_is_acknowledged_before_the_sink_has_returned(
    broker: Broker, data_dir: Path
) -> None:
    async def unkept() -> None:
        async with ingesting(broker, data_dir / "first.db") as stage, gateway(broker) as client:
            stage.gate.clear()
            for seq in range(1, 51):
                await publish(client, message(seq))
            await until(lambda: stage.offered > 0)
            assert await stage.kept() == []

    async def run() -> None:
        async with broker:
            await unkept()
            # The first ingest is gone without a word; the broker still owes us all of them.
            async with ingesting(broker, data_dir / "second.db") as stage:
                await until(lambda: stage.ingest.figures.messages >= 50)

                async def complete() -> bool:
                    return set(await stage.kept()) == set(range(1, 51))

                await until(complete)

    asyncio.run(run())


def test_a_journal_that_is_full_gets_nothing_acknowledged_and_everything_later(
    broker: Broker, data_dir: Path
) -> None:
    async def run() -> None:
        async with broker:
            async with (
                ingesting(broker, data_dir / "small.db", max_bytes=300_000) as stage,
                gateway(broker) as client,
            ):
                readings = [{"s": "t1", "v": 1}] * 500
                for seq in range(1, 101):
                    await publish(client, message(seq, readings=readings))
                await until(lambda: bool(stage.ingest.faults))
                small = set(await stage.kept())
            async with ingesting(broker, data_dir / "large.db") as stage:

                async def complete() -> bool:
                    return small | set(await stage.kept()) == set(range(1, 101))

                await until(complete)

    asyncio.run(run())


def test_ingest_says_that_the_journal_fails_and_goes_on_when_it_is_back(
    broker: Broker, data_dir: Path
) -> None:
    async def scene(stage: Scene) -> None:
        failing = True

        async def keep(batch: Any) -> None:
            if failing:
                raise JournalUnavailable("the disk is full")
            await Scene._keep(stage, batch)

        stage.ingest._batching._sink = keep
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            await publish(client, message(1))
            await until(lambda: stage.ingest.faults == ["the disk is full"])
            with pytest.raises(JournalUnavailable):
                await stage.ingest.post("gw2", message(1), backfill=False)
            await until(lambda: not stage.ingest.listening)
            failing = False
            await answers.receipt_through(1)
            assert stage.ingest.faults == []
            assert await stage.kept() == [1]

    play(broker, data_dir, scene)


def test_a_message_sent_again_because_we_took_long_is_the_same_message(data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        stage.gate.clear()
        async with gateway(stage.broker) as client:
            for seq in range(1, 21):
                await publish(client, message(seq))
            await asyncio.sleep(stage.broker.redelivery_s + 1)  # the broker's own patience
            assert stage.ingest.figures.messages == 20
            stage.gate.set()
            await until(lambda: stage.ingest.gateway(1).stored_through == 20)
        assert await stage.kept() == list(range(1, 21))

    play(NatsBroker(data_dir, port=0), data_dir, scene)


def test_memory_is_bounded_while_nothing_becomes_durable(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        stage.gate.clear()
        filler = "x" * 20_000
        async with gateway(stage.broker) as client:
            for seq in range(1, 401):
                await publish(client, message(seq, filler=filler))
            await until(lambda: stage.ingest.waiting_bytes > 1_000_000)
            held = stage.ingest.waiting_bytes
            stage.gate.set()
            # One read of the socket may go over the limit, no more.
            assert held < 1_000_000 + 2 * 1024 * 1024

            async def complete() -> bool:
                return set(await stage.kept()) == set(range(1, 401))

            await until(complete, within_s=30)
        assert stage.ingest.waiting_bytes == 0

    play(broker, data_dir, scene, timing=Timing(most_bytes=1_000_000))


def test_a_full_queue_cuts_publishers_off_and_loses_nothing_it_acknowledged(
    data_dir: Path,
) -> None:
    async def run() -> None:
        broker = NatsBroker(data_dir, port=0, queue_bytes=200_000)
        acknowledged: list[int] = []
        async with broker:
            async with ingesting(broker, data_dir / "before.db"):
                pass  # the session stays
            with pytest.raises((aiomqtt.MqttError, ExceptionGroup)):
                async with gateway(broker, timeout=1) as client:
                    for seq in range(1, 1000):
                        await publish(client, message(seq, filler="x" * 2000))
                        acknowledged.append(seq)
            assert 10 < len(acknowledged) < 1000
            async with ingesting(broker, data_dir / "after.db") as stage:

                async def complete() -> bool:
                    return set(acknowledged) <= set(await stage.kept())

                await until(complete)
                async with gateway(broker) as client:
                    answers = await Answers.of(client)
                    await publish(client, message(1, boot="c"))
                    await answers.receipt_through(1)

    asyncio.run(run())


def test_the_layer_alone_counts_and_acknowledges_everything(broker: Broker, data_dir: Path) -> None:
    async def run() -> None:
        async with broker:
            login = broker.service
            layer = LayerAlone(
                broker.url,
                client_id=login.client_id,
                username=login.username,
                password=login.password,
            )
            running = asyncio.create_task(layer.run())
            await asyncio.wait_for(layer.session.ready.wait(), 10)
            await broker.admit_gateways()
            await broker.add_gateways({"gw1": PASSWORD})
            async with gateway(broker) as client:
                for seq in range(1, 101):
                    await publish(client, message(seq))
            await until(lambda: layer.messages == 100)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def test_a_broker_that_is_killed_is_met_again(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        await until(lambda: stage.ingest.listening, within_s=20)
        first = stage.session.connection
        stage.broker.signal(signal.SIGKILL)
        await until(lambda: not stage.ingest.listening)
        await until(lambda: stage.session.connection > first and stage.session.ready.is_set())

        async def back() -> bool:
            try:
                async with gateway(stage.broker) as client:
                    await publish(client, message(1))
            except aiomqtt.MqttError:
                return False
            return True

        await until(back)

        async def complete() -> bool:
            return 1 in await stage.kept()

        await until(complete)
        await until(lambda: stage.ingest.listening, within_s=20)
        assert stage.ingest.faults == []

    play(broker, data_dir, scene)


def test_a_bad_reading_is_rejected_alone(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            readings = [{"s": "t1", "v": 1}, {"s": "nobody", "v": 2}, {"s": "t2", "v": 3}]
            await publish(client, message(1, readings=readings))
            rejected = await answers.next("rejected")
            assert (rejected["boot"], rejected["seq"]) == ("b", 1)
            assert [error["path"] for error in rejected["errors"]] == ["readings[1].s"]
            await answers.receipt_through(1)
        [batch] = await batches(stage.journal)
        assert batch.sensor.tolist() == [10, 11]
        [quarantined] = stage.quarantined
        assert (quarantined.gateway, quarantined.number) == ("gw1", 1)
        assert quarantined.topic == "vedette/v1/gw1/telemetry"
        assert stage.ingest.figures.rejected == {Cause.UNKNOWN_SENSOR: 1}
        assert stage.ingest.gateway(1).rejected == 1

    play(broker, data_dir, scene)


@pytest.mark.parametrize(
    ("payload", "seq", "cause"),
    [
        (b"not json", None, Cause.UNREADABLE),
        (b'{"boot": "b", "seq": 1, "readings": 7}', 1, Cause.SHAPE),
        (
            b'{"boot": "b", "seq": 1, "readings": [], "filler": "' + b"x" * 2**20 + b'"}',
            1,
            Cause.OVERSIZE,
        ),
    ],
    ids=["text", "shape", "one-mebibyte"],
)
def test_an_unusable_message_is_answered_quarantined_and_disturbs_nobody(
    broker: Broker, data_dir: Path, payload: bytes, seq: int | None, cause: Cause
) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client, gateway(stage.broker, "gw2") as other:
            answers, others = await Answers.of(client), await Answers.of(other)
            await publish(client, payload)
            await publish(other, message(1))
            await publish(client, message(2))
            rejected = await answers.next("rejected")
            assert rejected["seq"] == seq
            assert [error["path"] for error in rejected["errors"]] == [""]
            await others.receipt_through(1)
            if seq == 1:
                await answers.receipt_through(2)
            else:
                await until(lambda: stage.ingest.gateway(1).missing == ((1, 1),))
        [quarantined] = stage.quarantined
        assert quarantined.errors[0].cause == cause
        assert quarantined.payload == payload[:4096]

    play(broker, data_dir, scene)


def test_an_answered_message_stays_answered_after_a_restart(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            await publish(client, b'{"boot": "b", "seq": 1, "readings": 7}')
            await answers.receipt_through(1)
        assert await stage.kept() == [1]

    play(broker, data_dir, scene)


def test_a_gap_is_reported_and_closed_by_what_comes_late(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            for seq in (1, 2, 5):
                await publish(client, message(seq))
            await until(lambda: stage.ingest.gateway(1).missing == ((3, 4),), within_s=20)
            assert (await answers.next("receipt"))["stored"] == 2
            for seq in (3, 4):
                await publish(client, message(seq))
            await answers.receipt_through(5)
            assert stage.ingest.gateway(1).missing == ()

    play(broker, data_dir, scene)


def test_backfill_is_marked_as_such(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            await publish(client, message(1), "backfill")
            await answers.receipt_through(1)
        [batch] = await batches(stage.journal)
        assert batch.messages.backfill.tolist() == [True]

    play(broker, data_dir, scene)


def test_status_and_last_will_are_known_and_a_return_is_receipted(
    broker: Broker, data_dir: Path
) -> None:
    async def scene(stage: Scene) -> None:
        assert stage.ingest.gateway(1).online is None
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            await publish(client, message(1))
            await answers.receipt_through(1)
            await client.publish("vedette/v1/gw1/status", b'{"online": true}', qos=1, retain=True)
            await until(lambda: stage.ingest.gateway(1).online is True)
            await answers.receipt_through(1)
        writer = await connect_with_will(
            stage.broker, "gw1", "vedette/v1/gw1/status", b'{"online": false}'
        )
        writer.transport.abort()  # as if its power had gone
        await until(lambda: stage.ingest.gateway(1).online is False)

    play(broker, data_dir, scene)


def test_a_forbidden_publish_is_answered_to_the_violator(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async with gateway(stage.broker) as client:
            answers = await Answers.of(client)
            if stage.broker.part == "nats":
                stage.broker.on_violation = stage.ingest.violation
                await client.publish("vedette/v1/gw2/telemetry", message(1), qos=1)
            else:
                stage.ingest.violation("gw1", "vedette/v1/gw2/telemetry")
            rejected = await answers.next("rejected")
            assert rejected["seq"] is None
            [error] = rejected["errors"]
            assert error["path"] == "topic"
            assert "vedette/v1/gw2/telemetry" in error["reason"]
        assert stage.quarantined[0].errors[0].cause == Cause.TOPIC
        assert await stage.kept(2) == []

    play(broker, data_dir, scene)


def test_a_gateway_that_is_not_registered_is_told_so(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        await stage.broker.add_gateways({"gw9": "password-of-a-test"})
        async with gateway(stage.broker, "gw9") as client:
            answers = await Answers.of(client)
            await publish(client, message(1))
            rejected = await answers.next("rejected")
            assert "not registered" in rejected["errors"][0]["reason"]
        [quarantined] = stage.quarantined
        assert (quarantined.gateway, quarantined.number) == ("gw9", None)

    play(broker, data_dir, scene)


def test_telemetry_over_http_is_durable_when_it_is_answered(data_dir: Path) -> None:
    # Needs no broker at all.
    async def run() -> None:
        stage = Scene(NatsBroker(data_dir), await open_journal(data_dir / "j.db"), Timing())
        stage.ingest._downlink.session = None
        running = asyncio.create_task(stage.ingest.run())
        readings = [{"s": "t1", "v": 1}, {"s": "nobody", "v": 2}]
        posted = await stage.ingest.post("gw1", message(1, readings=readings), backfill=False)
        assert (posted.boot, posted.stored) == ("b", 1)
        assert [error.path for error in posted.errors] == ["readings[1].s"]
        assert await stage.kept() == [1]
        with pytest.raises(MalformedMessage, match="JSON"):
            await stage.ingest.post("gw1", b"}", backfill=False)
        with pytest.raises(MalformedMessage, match="not registered"):
            await stage.ingest.post("gw9", message(1), backfill=False)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stage.journal.close()

    asyncio.run(run())


def test_many_gateways_at_once_keep_their_own_order(broker: Broker, data_dir: Path) -> None:
    async def scene(stage: Scene) -> None:
        async def play_gateway(name: str) -> None:
            async with gateway(stage.broker, name) as client:
                answers = await Answers.of(client)
                for start in range(1, 301, 50):
                    await asyncio.gather(
                        *(publish(client, message(seq)) for seq in range(start, start + 50))
                    )
                await answers.receipt_through(300)

        await asyncio.gather(*(play_gateway(name) for name in GATEWAYS))
        kept = await batches(stage.journal)
        for number in range(1, 5):
            assert sequences(kept, number) == list(range(1, 301))

    play(broker, data_dir, scene)
