"""One message that cannot be taken, whatever it is, never stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.wire import Cause, SensorRef
from ingest import GatewayTags
from service.embedded.broker import Broker
from tests.ingest.scene import (
    GATEWAYS,
    Answers,
    gateway,
    ingesting,
    message,
    publish,
    until,
)

DEEP = b'{"online":true,"x":' + b"[" * 2000 + b"]" * 2000 + b"}"


def test_a_retained_status_nested_too_deep_kills_no_start(broker: Broker, data_dir: Path) -> None:
    async def run() -> None:
        async with broker:
            async with ingesting(broker, data_dir / "first.db") as stage, gateway(broker) as client:
                answers = await Answers.of(client)
                await client.publish("vedette/v1/gw1/status", DEEP, qos=1, retain=True)
                await publish(client, message(1))
                await answers.receipt_through(1)
                assert stage.ingest.gateway(1).online is None
            async with ingesting(broker, data_dir / "second.db") as stage:
                await until(lambda: stage.ingest.listening, within_s=20)

    asyncio.run(run())


class Treacherous(dict[str, SensorRef]):
    """Tags that break whoever looks one of them up."""

    def __getitem__(self, tag: str) -> SensorRef:
        if tag == "t2":
            raise RuntimeError("a fault of ours")
        return super().__getitem__(tag)


def faulty_tags(gateway_id: str) -> GatewayTags | None:
    known = GATEWAYS.get(gateway_id)
    return None if known is None else GatewayTags(known.number, Treacherous(known.tags))


def faulty_registry(gateway_id: str) -> GatewayTags | None:
    if gateway_id == "gw2":
        raise RuntimeError("a fault of ours")
    return GATEWAYS.get(gateway_id)


@pytest.mark.parametrize(
    ("tags", "sender", "stored"),
    [(faulty_tags, "gw1", 3), (faulty_registry, "gw2", 0)],
    ids=["reading", "finding"],
)
def test_a_message_we_fail_to_take_is_answered_and_set_aside_and_the_others_go_on(
    broker: Broker,
    data_dir: Path,
    caplog: pytest.LogCaptureFixture,
    tags: Callable[[str], GatewayTags | None],
    sender: str,
    stored: int,
) -> None:
    async def run() -> None:
        async with broker, ingesting(broker, data_dir / "journal.db", tags=tags) as stage:
            async with gateway(broker, sender) as client, gateway(broker, "gw3") as other:
                answers, others = await Answers.of(client), await Answers.of(other)
                await publish(client, message(1))
                await publish(client, message(2, readings=[{"s": "t2", "v": 1.0}]))
                await publish(client, message(3))
                await publish(other, message(1))
                rejected = await answers.next("rejected")
                assert rejected["errors"][0]["path"] == ""
                await others.receipt_through(1)
                if stored:
                    assert rejected["seq"] == 2
                    await answers.receipt_through(stored)
            await until(lambda: stage.session.in_hand == 0)
        failed = 1 if stored else 3
        assert stage.ingest.figures.failed == failed
        assert [each.errors[0].cause for each in stage.quarantined] == [Cause.OTHER] * failed
        assert {each.gateway for each in stage.quarantined} == {sender}
        assert "RuntimeError: a fault of ours" in caplog.text

    asyncio.run(run())
