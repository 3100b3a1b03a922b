"""What the broker kept is not what is so now: a retained copy of telemetry ends no silence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.embedded.broker import Broker
from tests.ingest.scene import Answers, gateway, ingesting, message, until


@pytest.mark.parametrize("channel", ["telemetry", "backfill"])
def test_a_retained_copy_is_dropped_and_counted_and_the_live_message_is_taken(
    broker: Broker, data_dir: Path, channel: str
) -> None:
    async def run() -> None:
        async with broker:
            async with ingesting(broker, data_dir / "first.db") as stage, gateway(broker) as client:
                answers = await Answers.of(client)
                topic = f"vedette/v1/gw1/{channel}"
                await client.publish(topic, message(1), qos=1, retain=True)
                await answers.receipt_through(1)
                assert (stage.ingest.figures.messages, stage.ingest.figures.retained) == (1, 0)
            async with ingesting(broker, data_dir / "second.db") as stage:
                await until(lambda: stage.ingest.figures.retained == 1)
                await until(lambda: stage.session.in_hand == 0)
                await until(lambda: stage.ingest.listening, within_s=20)
                assert await stage.kept() == []
                assert stage.ingest.gateway(1).messages == 0
                assert stage.quarantined == []

    asyncio.run(run())
