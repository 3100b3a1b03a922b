"""Copies of a message that is on its way to the journal: taken once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from domain.entries import Entry, EntryKind
from domain.readings import ReadingBatch
from domain.sequence import SequenceTracker
from ingest import Ingest, Timing
from tests.ingest.scene import GATEWAYS, batches, open_journal


def untimed(seq: int) -> bytes:
    return msgspec.json.encode({"boot": "b", "seq": seq, "readings": [{"s": "t1", "v": 1.0}]})


def test_a_copy_without_times_is_not_doubled_while_the_first_is_not_durable_yet(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        journal = await open_journal(tmp_path / "journal.sqlite")
        gate, offered = asyncio.Event(), asyncio.Event()

        async def keep(batch: ReadingBatch) -> None:
            offered.set()
            await gate.wait()
            await journal.append([Entry(EntryKind.BATCH, batch.to_bytes())])

        ingest = Ingest(
            sink=keep,
            tags=GATEWAYS.get,
            clock=lambda: time.time_ns() // 1000,
            sequences=SequenceTracker(),
            quarantine=lambda _: None,
            timing=Timing(batch_age_s=0.01),
        )
        running = asyncio.ensure_future(ingest.run())
        posts = [asyncio.ensure_future(ingest.post("gw1", untimed(1), backfill=False))]
        await asyncio.wait_for(offered.wait(), 5)
        posts += [
            asyncio.ensure_future(ingest.post("gw1", untimed(seq), backfill=False))
            for seq in (1, 2, 2)
        ]
        await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.wait_for(asyncio.gather(*posts), 5)
        posted_late = await ingest.post("gw1", untimed(2), backfill=False)
        assert [a.stored for a in (*answers, posted_late)][-1] == 2
        kept = await batches(journal)
        assert sum(len(batch) for batch in kept) == 2
        assert ingest.figures.repeated == 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await journal.close()

    asyncio.run(act())
