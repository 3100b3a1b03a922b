"""A message that comes again takes nothing back, and a gateway that counts anew loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from domain.sequence import SequenceTracker
from domain.wire import SensorRef
from ingest import GatewayTags, Ingest
from store.database import Database
from tests.service.stage import Stage, now_us, staged
from tests.store.conftest import Scene

TAGS = {"box": GatewayTags(1, {"t1": SensorRef(1)})}


@asynccontextmanager
async def ingesting(stage: Stage) -> AsyncIterator[Ingest]:
    stage.start_storing()
    ingest = Ingest(
        sink=stage.spine.append_batch,
        tags=TAGS.get,
        clock=now_us,
        sequences=SequenceTracker(),
        quarantine=lambda _: None,
    )
    running = asyncio.create_task(ingest.run())
    try:
        yield ingest
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def message(seq: int, ts: int, value: float) -> bytes:
    content = {"ts": ts, "seq": seq, "readings": [{"s": "t1", "v": value}]}
    return msgspec.json.encode(content)


async def kept(database: Database, table: str) -> list[float]:
    async with database.connection() as connection:
        rows = await connection.fetch(f"SELECT value FROM {table} ORDER BY ts, position")
    return [row["value"] for row in rows]


def test_a_message_delivered_again_behind_its_correction_does_not_take_it_back(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage, ingesting(stage) as ingest:
            ts = now_us() // 1000
            for payload in (message(1, ts, 1.0), message(2, ts, 2.0), message(1, ts, 1.0)):
                await ingest.post("box", payload, backfill=False)
            await stage.all_is_stored()
            assert await kept(database, "readings") == [2.0]
            assert await kept(database, "reading_corrections") == [1.0]
            # The same value in a message of its own is a correction again.
            await ingest.post("box", message(3, ts, 1.0), backfill=False)
            await stage.all_is_stored()
            assert await kept(database, "readings") == [1.0]

    scene(act)


def test_a_gateway_that_counts_anew_without_a_new_boot_has_its_readings_stored_and_judged(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage, ingesting(stage) as ingest:
            ts = now_us() // 1000 - 10_000
            for seq in (1, 2, 3):
                await ingest.post("box", message(seq, ts + seq, float(seq)), backfill=False)
            await ingest.post("box", message(1, ts + 1000, 80.0), backfill=False)
            await stage.all_is_stored()
            assert await kept(database, "readings") == [1.0, 2.0, 3.0, 80.0]
            [alarm] = stage.spine.fold.state.alarms.values()
            assert alarm.value == 80.0

    scene(act)
