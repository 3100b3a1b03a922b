"""An ingest process to be killed: `consumer.py URL CLIENT_ID USER PASSWORD JOURNAL REDELIVERY_S`.

Like the service at its start, it learns from its journal what is settled already.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from domain.entries import Entry, EntryKind
from domain.readings import ReadingBatch
from domain.sequence import SequenceTracker
from domain.wire import SensorRef
from ingest import GatewayTags, Ingest, Timing
from store.journal import SqliteJournal

GATEWAYS = {f"gw{number}": GatewayTags(number, {"t1": SensorRef(number)}) for number in range(1, 5)}


async def main(url: str, client_id: str, user: str, password: str, path: str, wait: str) -> None:
    journal = await SqliteJournal.open(Path(path), now_s=int(time.time()), max_bytes=1 << 30)
    settled, after = SequenceTracker(), 0
    while entries := await journal.read(after, max_bytes=1 << 24):
        for _, entry in entries:
            settled.apply(ReadingBatch.from_bytes(entry.payload).messages)
        after = entries[-1][0]

    async def keep(batch: ReadingBatch) -> None:
        await journal.append([Entry(EntryKind.BATCH, batch.to_bytes())])

    ingest = Ingest(
        sink=keep,
        tags=GATEWAYS.get,
        clock=lambda: time.time_ns() // 1000,
        sequences=settled,
        quarantine=lambda _: None,
        timing=Timing(redelivery_s=float(wait)),
    )
    session = ingest.connect_to(url, client_id=client_id, username=user, password=password)
    async with asyncio.TaskGroup() as group:
        group.create_task(ingest.run())
        await session.ready.wait()
        print("ready", flush=True)  # noqa: T201 the parent waits for it


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
