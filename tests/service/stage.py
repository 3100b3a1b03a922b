"""The service's spine and storer on a real journal and a real database, without broker or HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alerting import Fold, GatewaySpec, Limit, ProgramChange, SensorSpec
from domain.entries import Entry, EntryKind, Tick
from domain.readings import NO_SEQUENCE, MessageColumns, ReadingBatch
from service.feed import Feed
from service.history import history_of
from service.metrics import Metrics
from service.recovery import StoreStart, begin_storing, new_claim, recover_fold
from service.spine import Spine
from service.standby import Standby
from service.storer import Storer
from store.database import Database
from store.journal import Journal, open_journal

HIGH = Limit(level="H", setpoint=50.0, deadband=2.0, source="test")
PROGRAM = ProgramChange(
    at=1,
    full=True,
    sensors=tuple(
        SensorSpec(id=n, gateway=1, period_us=1_000_000, limits=(HIGH,)) for n in range(1, 6)
    ),
    gateways=(GatewaySpec(number=1),),
)


def now_us() -> int:
    return time.time_ns() // 1000


def batch(*values: float, sensor: int = 1, at: int | None = None) -> ReadingBatch:
    """One message of one sensor, its readings a millisecond apart, the last of them now."""
    n, at = len(values), at or now_us()
    messages = MessageColumns(
        gateway=np.ones(1, np.int32),
        received=np.full(1, at, np.int64),
        sent=np.full(1, at, np.int64),
        sequence=np.full(1, NO_SEQUENCE, np.int64),
        boot=np.full(1, -1, np.int32),
        backfill=np.zeros(1, np.bool_),
    )
    return ReadingBatch(
        messages=messages,
        message=np.zeros(n, np.int32),
        sensor=np.full(n, sensor, np.int32),
        time=at - 1000 * np.arange(n, dtype=np.int64)[::-1],
        value=np.array(values, np.float64),
        quality=np.zeros(n, np.uint8),
        reason=np.zeros(n, np.uint16),
    )


def tick_entry(second: int | None = None) -> Entry:
    now = now_us() if second is None else second * 1_000_000
    return Entry(EntryKind.TICK, Tick(now - now % 1_000_000, listening=False).to_bytes())


async def until(claim: Callable[[], bool], *, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not claim():
            await asyncio.sleep(0.01)


@dataclass
class Stage:
    """What one process holds between ingest and database; `storing` can be started again."""

    journal: Journal
    database: Database
    standby: Standby
    spine: Spine
    storer: Storer
    metrics: Metrics
    claim: str
    feed: Feed
    tasks: list[asyncio.Task[None]]

    async def begin(self) -> StoreStart:
        return await begin_storing(
            self.journal,
            self.database,
            self.standby,
            claim=self.claim,
            migrate_first=False,
            clock=now_us,
        )

    def start_storing(self) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self.storer.run(self.database, self.begin))
        self.tasks.append(task)
        return task

    async def all_is_folded(self) -> None:
        """Everything appended before this call."""
        last = self.journal.last
        await until(lambda: self.spine.fold.position >= last)

    async def all_is_stored(self) -> None:
        """Everything appended before this call is folded and committed."""
        last = self.journal.last
        await until(lambda: self.storer.committed >= last)

    async def all_is_checkpointed(self) -> None:
        """Ticks until a checkpoint behind everything appended before was stored and copied."""
        last = self.journal.last
        async with asyncio.timeout(10):
            while (copy := self.standby.load_checkpoint()) is None or copy.position < last:
                await self.spine.append(tick_entry())
                await asyncio.sleep(0.02)

    async def rows(self) -> int:
        async with self.database.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM readings"))


@asynccontextmanager
async def staged(
    database: Database,
    place: Path,
    *,
    checkpoint_s: float = 0.2,
    max_bytes: int = 1 << 28,
    keep_journal: bool = False,
    age_s: int = 0,
    migrate_first: bool = False,
) -> AsyncIterator[Stage]:
    """Recovered and folding, not storing yet; a journal of `PROGRAM` where there was none.

    `age_s`: so long ago a new journal is made to begin.
    """
    journal = await open_journal(
        f"sqlite:///{place}/journal.sqlite", now_s=int(time.time()) - age_s, max_bytes=max_bytes
    )
    standby, metrics = Standby(place / "standby"), Metrics()
    claim = new_claim()
    try:
        fold = await recover_fold(
            journal,
            database,
            standby,
            claim=claim,
            migrate_first=migrate_first,
            wait_s=0,
            clock=now_us,
        )
    except BaseException:
        await journal.close()
        raise
    storer = Storer(
        journal,
        lambda: fold,
        standby=standby,
        checkpoint_us=round(checkpoint_s * 1_000_000),
        keep_journal=keep_journal,
        clock=now_us,
        monotonic=time.monotonic,
        metrics=metrics,
    )
    feed = Feed(history=history_of(database), origin=fold.position, first=journal.first)
    spine = Spine(
        journal,
        fold,
        feed=feed,
        sink=storer,
        metrics=metrics,
        clock=now_us,
        monotonic=time.monotonic,
    )
    await spine.replay(fold.position)
    stage = Stage(journal, database, standby, spine, storer, metrics, claim, feed, [])
    stage.tasks += [
        asyncio.ensure_future(spine.write_journal()),
        asyncio.ensure_future(spine.fold_entries()),
    ]
    try:
        if spine.fold.position == 0:
            await spine.decide(Entry(EntryKind.PROGRAM, PROGRAM.to_bytes()))
        yield stage
    finally:
        for task in stage.tasks:
            task.cancel()
        await asyncio.gather(*stage.tasks, return_exceptions=True)
        await journal.close()


async def unused_for_a_minute(database: Database) -> None:
    """As it stands a minute after whoever stored in it ended."""
    async with database.transaction() as connection:
        for table, time_ in (
            ("spine", "received_through"),
            ("checkpoints", "stored_at"),
            ("journal_epochs", "opened_at"),
        ):
            await connection.execute(f"UPDATE {table} SET {time_} = {time_} - INTERVAL '1 min'")


async def refolded(journal: Journal) -> Fold:
    """One uninterrupted fold of everything the journal holds."""
    fold = Fold.empty()
    after = 0
    while entries := await journal.read(after, max_bytes=1 << 24):
        for position, entry in entries:
            fold.apply(position, entry)
        after = entries[-1][0]
    return fold
