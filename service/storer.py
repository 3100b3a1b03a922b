"""Brings what was folded into the database, in order, and catches up by itself after an outage.

Two ways in, one result. While the database keeps pace, the live fold's outcomes arrive through a
bounded queue. When it does not (slow, away, or at start-up), the queue is given up and the storer
folds the journal again from its own last state: the very same code as recovery, so an outage of
any length costs no memory. It returns to the queue at the moment it has caught up.

A stretch that fails is offered again in smaller pieces, down to one entry. One entry whose content
PostgreSQL will never take is set aside, kept whole and noted as a hole; whatever else it refuses is
offered again for ever, and said in `fault`. Judging goes on either way.

Checkpoints: every `checkpoint_us` the live fold's state is kept beside an entry; when that entry
is committed, its checkpoint is committed with it. The journal is trimmed only through the
checkpoint before, because the commit itself need not reach the disk at once
(docs/decisions/0003-positions-and-epochs.md). Nor is it trimmed while the copy beside it cannot be
written: a start without the database goes on from that copy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import structlog

from alerting import Fold, FoldState, Outcome
from domain.entries import Entry, EntryKind
from domain.readings import NO_TIME, Position, ReadingBatch
from service.meeting import EmptiedDatabase
from service.metrics import Metrics
from service.recovery import StoreStart
from service.standby import Checkpoint, Standby
from store.database import Database, DatabaseUnavailable
from store.decisions import ReplayDiffers
from store.holes import Losses
from store.journal import Journal, JournalUnavailable
from store.writer import Commit, DatabaseBehind, StretchRefused, commit

QUEUE_READINGS: Final = 200_000
"""Readings that may wait for the database before the queue is given up for the journal."""
QUEUE_ENTRIES: Final = 2_000
COMMIT_READINGS: Final = 50_000
"""Readings of one transaction, unless a single entry has more."""
COMMIT_ENTRIES: Final = 400
READ_BYTES: Final = 4 << 20
"""Of the journal, folded and committed together while catching up: about 130,000 readings."""
MOST_TOGETHER: Final = 1 << 20
"""Entries of one transaction while catching up: as many as were read, unless pieces must be small."""
MOST_SET_ASIDE: Final = 20
"""Entries set aside by one process; more are no accident of content."""
NEARLY_FULL: Final = 0.1
"""A journal with less of its room left than this is trimmed whether or not a copy can be written."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger(__name__)


class TwoHistories(Exception):
    """The database was set back behind what the journal holds.

    The live fold knows what the database never will. A restart begins both where it stands.
    """


@dataclass(slots=True)
class _Item:
    position: int
    entry: Entry
    outcome: Outcome
    readings: int
    state: FoldState | None
    """Of the fold after this entry, where a checkpoint is due."""


class Storer:
    """One per process. `offer` is called by the spine; `run` is a task.

    Attributes:
        committed: position of the last entry in the database (known to this process).
        behind: it is folding the journal again rather than reading the queue.
        fault: why nothing can be stored now, or None.
        set_aside: entries whose content the database refused, by this process.
        standby: the copy beside the journal that it renews with each checkpoint.
        losses: what was found missing in the last 30 days, as far as is known here.
    """

    def __init__(
        self,
        journal: Journal,
        live: Callable[[], Fold],
        *,
        standby: Standby,
        checkpoint_us: int,
        keep_journal: bool,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._journal = journal
        self._live = live
        self._origin = (live().position, journal.first)
        self.standby = standby
        self._checkpoint_us = checkpoint_us
        self._keep_journal = keep_journal
        self._clock = clock
        self._monotonic = monotonic
        self._metrics = metrics
        self._queue: deque[_Item] = deque()
        self._queued_readings = 0
        self._wake = asyncio.Event()
        self._next_checkpoint = float("-inf")
        self._base: FoldState | None = None
        self._taken = 0
        self._previous_checkpoint: int | None = None
        self.committed = 0
        self.committed_at: int | None = None
        self.behind = True
        self.fault: str | None = None
        self.set_aside = 0
        self.losses = Losses()
        self._claim: str | None = None
        self._failures = 0
        self._stopping = False
        self._together = MOST_TOGETHER

    def offer(self, position: int, entry: Entry, outcome: Outcome) -> None:
        """Take one folded entry, or let it go: the journal has it."""
        if self.behind or position <= self._taken:
            return
        readings = 0 if outcome.verdict is None else len(outcome.verdict.kept)
        if self._queued_readings + readings > QUEUE_READINGS or len(self._queue) >= QUEUE_ENTRIES:
            self._give_up_queue()
            return
        self._queue.append(_Item(position, entry, outcome, readings, self._state_if_due()))
        self._queued_readings += readings
        self._wake.set()

    def _state_if_due(self) -> FoldState | None:
        return self._live().snapshot() if self._checkpoint_is_due() else None

    def _checkpoint_is_due(self) -> bool:
        """Once each interval. By a clock that nobody sets: else setting it back would end trimming."""
        now = self._monotonic()
        if now < self._next_checkpoint:
            return False
        self._next_checkpoint = now + self._checkpoint_us / 1_000_000
        return True

    def _give_up_queue(self) -> None:
        if not self.behind:
            log.warning("store.behind", queued_readings=self._queued_readings)
        self.behind = True
        self._queue.clear()
        self._queued_readings = 0
        self._wake.set()

    async def run(self, database: Database, begin: Callable[[], Awaitable[StoreStart]]) -> None:
        """Task: store for ever.

        After every failure the database is asked anew where it stands: a crash may have taken
        back commits that did not wait for the disk.

        Args:
            database: where to.
            begin: asks the database where it stands.

        Raises:
            StaleJournal: another service, or a copy of this one, took the database over; this one
                must end.
            TwoHistories: an older database was put in place; this process must begin again.
            service.recovery.CannotStart: so must it when the schema or the journal does not fit.
        """
        while True:
            try:
                self._go_on_from(await begin())
                while True:
                    await self._store_some(database)
                    self._works()
            except (
                DatabaseUnavailable,
                EmptiedDatabase,
                DatabaseBehind,
                JournalUnavailable,
                StretchRefused,
                ReplayDiffers,
            ) as error:
                if self.fault is None:
                    log.error("store.unavailable", reason=str(error))
                self.fault = str(error)
                self._give_up_queue()
                await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
                self._failures += 1

    def _go_on_from(self, start: StoreStart) -> None:
        begun = start.state.position
        if self._journal.first > begun + 1 and (begun, self._journal.first) != self._origin:
            raise TwoHistories(
                f"the database stands at {start.committed} with a checkpoint at {begun}, the journal "
                f"begins at {self._journal.first}, and this process judged from {self._origin[0]} on"
            )
        self._base = start.state
        self.committed = start.committed
        self._claim, self.losses = start.claim, start.losses
        self._previous_checkpoint = start.previous_checkpoint
        self._give_up_queue()

    def _works(self) -> None:
        """Something was stored, or everything is."""
        if self.fault is not None:
            log.info("store.available", committed=self.committed)
        self.fault = None
        self._failures = 0

    async def _store_some(self, database: Database) -> None:
        if self.behind:
            await self._catch_up(database)
        items = self._take()
        if items:
            await self._commit(database, items)
            return
        self._wake.clear()
        if not self._queue and not self.behind:
            await self._rest(database)

    async def _rest(self, database: Database) -> None:
        """Wait for news; where none comes, checkpoint what is stored.

        Nothing new comes from a full journal, and it is trimmed behind checkpoints only: without
        these it would stay full for ever. Nor does it at a stop, and a checkpoint there leaves
        nothing to be folded anew by the next version, which may judge otherwise.
        """
        last = self._stopping and self._previous_checkpoint != self.committed
        try:
            async with asyncio.timeout(0 if last else self._checkpoint_us / 1_000_000):
                await self._wake.wait()
        except TimeoutError:
            state = self._live().snapshot()
            all_stored = state.position == self.committed
            to_trim = not self._keep_journal and self._journal.first <= self.committed
            if all_stored and (last or to_trim):
                await self._checkpoint(database, state)

    async def drained(self) -> None:
        """At a stop: wait until everything folded is in the database, with a checkpoint behind it."""
        self._stopping = True
        self._wake.set()
        while self._previous_checkpoint != self._live().position:  # noqa: ASYNC110 - once
            await asyncio.sleep(0.01)

    def _take(self) -> list[_Item]:
        items: list[_Item] = []
        readings = 0
        while self._queue and len(items) < min(COMMIT_ENTRIES, self._together):
            if items and readings + self._queue[0].readings > COMMIT_READINGS:
                break
            item = self._queue.popleft()
            readings += item.readings
            items.append(item)
            if item.state is not None:
                break
        self._queued_readings -= readings
        return items

    async def _catch_up(self, database: Database) -> None:
        """Fold the journal from the last kept state and commit what the database lacks.

        A stretch is folded while the one before it is on its way into the database.
        """
        assert self._base is not None
        fold = Fold.from_snapshot(self._base)
        after = fold.position
        committing: asyncio.Task[None] | None = None
        try:
            while True:
                entries = await self._journal.read(after, max_bytes=READ_BYTES)
                if not entries:
                    if after >= self._live().position:
                        # No await since the read returned: nothing can have been folded in between.
                        self._base = fold.snapshot()
                        self._queue.clear()
                        self._queued_readings = 0
                        self.behind = False
                        break
                    await asyncio.sleep(0.005)
                    continue
                items = self._fold_again(fold, entries)
                after = self._taken = entries[-1][0]
                if committing is not None:
                    await committing
                committing = asyncio.create_task(
                    self._commit_in_pieces(database, items), name="store-stretch"
                )
            if committing is not None:
                await committing
        finally:
            if committing is not None and not committing.done():
                committing.cancel()
                await asyncio.wait({committing})

    def _fold_again(self, fold: Fold, entries: list[tuple[Position, Entry]]) -> list[_Item]:
        items: list[_Item] = []
        for position, entry in entries:
            outcome = fold.apply(position, entry)
            if position > self.committed:
                readings = 0 if outcome.verdict is None else len(outcome.verdict.kept)
                items.append(_Item(position, entry, outcome, readings, None))
        if items and self._checkpoint_is_due():
            items[-1].state = fold.snapshot()
        return items

    async def _commit_in_pieces(self, database: Database, items: list[_Item]) -> None:
        while items:
            some, items = items[: self._together], items[self._together :]
            await self._commit(database, some)
            self._works()

    async def _commit(self, database: Database, items: list[_Item]) -> None:
        """In one transaction; what fails is to come again in smaller pieces."""
        try:
            await self._write(database, items)
        except DatabaseUnavailable:
            self._together = max(1, len(items) // 2)  # it may have been too much for one statement
            raise
        except StretchRefused as refused:
            self._together = 1
            if len(items) > 1 or not refused.content or self.set_aside >= MOST_SET_ASIDE:
                raise
            await self._set_aside(database, items[0], refused)
        else:
            self._together = min(self._together * 17 // 16 + 1, MOST_TOGETHER)

    async def _set_aside(self, database: Database, item: _Item, refused: StretchRefused) -> None:
        """Leave the readings of an entry out; and if that is not enough, all it decided."""
        log.error("store.set_aside", position=item.position, reason=str(refused))
        try:
            await self._write(database, [item], set_aside=str(refused), decided=True)
        except StretchRefused:
            await self._write(database, [item], set_aside=str(refused), decided=False)
        self.set_aside += 1
        self.losses = replace(self.losses, set_aside=self.losses.set_aside + 1)

    async def _write(
        self,
        database: Database,
        items: list[_Item],
        *,
        set_aside: str | None = None,
        decided: bool = True,
    ) -> None:
        state = items[-1].state
        checkpoint = None
        if state is not None:
            checkpoint = await asyncio.to_thread(Fold.from_snapshot(state).checkpoint)
        change = Commit(
            journal_id=self._journal.id,
            after=self.committed,
            position=items[-1].position,
            batches=[
                (item.position, ReadingBatch.from_bytes(item.entry.payload), item.outcome.verdict)
                for item in items
                if item.entry.kind is EntryKind.BATCH
                and item.outcome.verdict is not None
                and set_aside is None
            ],
            transitions=[
                (item.position, ordinal, transition)
                for item in items
                for ordinal, transition in enumerate(item.outcome.transitions)
                if decided
            ],
            alarms=list({a.id: a for i in items for a in i.outcome.alarms if decided}.values()),
            checkpoint=checkpoint,
            entries=[(item.position, item.entry) for item in items],
            claim=self._claim,
            set_aside=set_aside,
        )
        started = self._monotonic()
        done = await commit(database, change)
        self._metrics.stage_seconds.labels("commit").observe(self._monotonic() - started)
        self.committed = change.position
        self.committed_at = self._clock()
        self._metrics.readings_stored.inc(done.rows)
        for _, batch, _ in change.batches:
            sent = batch.messages.sent
            began = np.where(sent == NO_TIME, batch.messages.received, sent)
            self._metrics.commit_latency.observe(self.committed_at - began)
        if state is not None and checkpoint is not None:
            await self._checkpointed(
                state, Checkpoint(self._journal.id, change.position, checkpoint)
            )

    async def _checkpoint(self, database: Database, state: FoldState) -> None:
        checkpoint = await asyncio.to_thread(Fold.from_snapshot(state).checkpoint)
        stored = Checkpoint(self._journal.id, state.position, checkpoint)
        change = Commit(
            stored.journal_id,
            stored.position,
            stored.position,
            checkpoint=checkpoint,
            claim=self._claim,
        )
        await commit(database, change)
        await self._checkpointed(state, stored)

    async def _checkpointed(self, state: FoldState, checkpoint: Checkpoint) -> None:
        self._base = state
        copied = await asyncio.to_thread(self.standby.save_checkpoint, checkpoint)
        if (
            self._previous_checkpoint is not None
            and not self._keep_journal
            and (copied or await self._journal_is_nearly_full())
        ):
            await self._journal.trim(self._previous_checkpoint)
        self._previous_checkpoint = checkpoint.position

    async def _journal_is_nearly_full(self) -> bool:
        space = await self._journal.space()
        return space.free < NEARLY_FULL * (space.used + space.free)
