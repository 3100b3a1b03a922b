"""A rejection goes out in its turn, before the receipt that counts it, or its loss is said."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from domain.readings import ReadingBatch
from domain.sequence import SequenceTracker
from domain.wire import Rejection
from ingest import Ingest, answering, packets
from ingest.answering import Answering
from ingest.batching import Answer
from service.embedded.broker import Broker
from tests.ingest.peer import CONNACK, SUBACK, peer
from tests.ingest.scene import GATEWAYS, Answers, gateway, ingesting, publish, until


class Line:
    """Publishes while it is up."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[bytes] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        del topic
        if self.up:
            self.sent.append(payload)
        return self.up


def answer(seq: int) -> Answer:
    return Answer("gw1", "b", seq, (Rejection("", "no"),))


def test_answers_that_cannot_be_sent_wait_and_keep_their_order() -> None:
    line = Line()
    answers = Answering(line.publish)
    line.up = False
    answers.give(answer(1))
    answers.give(answer(2))
    assert not answers.send()
    line.up = True
    answers.give(answer(3))
    assert answers.send()
    assert [b'"seq":%d' % seq in sent for seq, sent in enumerate(line.sent, 1)] == [True] * 3


def test_of_too_many_waiting_answers_the_oldest_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answering, "MOST_BYTES", 150)
    line = Line()
    answers = Answering(line.publish)
    line.up = False
    for seq in (1, 2, 3, 4):
        answers.give(answer(seq))
    line.up = True
    assert answers.send()
    assert answers.dropped == 2
    assert [b'"seq":%d' % seq in sent for seq, sent in enumerate(line.sent, 3)] == [True] * 2
    assert caplog.text.count("gw1/rejected") == 1  # once, not for each


def test_a_copy_is_answered_again_for_its_sender_may_have_missed_the_first_answer(
    broker: Broker, data_dir: Path
) -> None:
    partly = b'{"boot":"b","seq":1,"readings":[{"s":"t1","v":1.0},{"s":"nope","v":1.0}]}'

    async def run() -> None:
        async with (
            broker,
            ingesting(broker, data_dir / "journal.db") as stage,
            gateway(broker) as client,
        ):
            answers = await Answers.of(client)
            for _ in range(2):
                await publish(client, partly)
                rejected = await answers.next("rejected")
                assert (rejected["boot"], rejected["seq"]) == ("b", 1)
            assert stage.ingest.figures.repeated == 1
            assert len(stage.quarantined) == 1

    asyncio.run(run())


def test_a_message_that_comes_before_the_subscription_is_answered_before_it_is_receipted() -> None:
    heard = bytearray()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        bad = b'{"boot":"b","seq":1,"readings":[{"s":"nope","v":1.0}]}'
        writer.write(CONNACK + packets.publish("vedette/v1/gw1/telemetry", bad, 9))
        while b"/rejected" not in heard:
            heard.extend(await reader.read(4096))
        writer.write(SUBACK)
        while data := await reader.read(4096):
            heard.extend(data)

    async def run() -> None:
        async with peer(act) as url:

            async def keep(_: ReadingBatch) -> None:
                """On a disk that never fails."""

            ingest = Ingest(
                sink=keep,
                tags=GATEWAYS.get,
                clock=lambda: time.time_ns() // 1000,
                sequences=SequenceTracker(),
                quarantine=lambda _: None,
            )
            ingest.connect_to(url, client_id="test")
            running = asyncio.create_task(ingest.run())
            await until(lambda: b"/receipt" in heard)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert 0 < heard.find(b"/rejected") < heard.find(b"\x40\x02\x00\x09")
        assert heard.find(b"/rejected") < heard.find(b"/receipt")

    asyncio.run(run())
