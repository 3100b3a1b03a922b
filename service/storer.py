"""Brings what was folded into the database, in order, and catches up by itself after an outage.

Two ways in, one result. While the database keeps pace, the live fold's outcomes arrive through a
bounded queue (`service.store_queue`). When it does not (slow, away, or at start-up), the queue is
given up and the storer folds the journal again from its own last state: the very same code as
recovery, so an outage of any length costs no memory. It returns to the queue at the moment it has
caught up.

What cannot be stored is offered again for ever (`service.committer`), and said in `fault`. Judging
goes on either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from alerting import Fold, Outcome
from domain.entries import Entry
from domain.readings import Position
from service.checkpoints import Checkpoints
from service.committer import Committer
from service.meeting import EmptiedDatabase
from service.metrics import Metrics
from service.recovery import StoreStart
from service.standby import Standby
from service.store_queue import Folded, StoreQueue
from store.database import Database, DatabaseUnavailable
from store.decisions import ReplayDiffers
from store.holes import Losses
from store.journal import Journal, JournalUnavailable
from store.writer import DatabaseBehind, StretchRefused

READ_BYTES: Final = 4 << 20
"""Of the journal, folded and committed together while catching up: about 130,000 readings."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger(__name__)


class TwoHistories(Exception):
    """The database was set back behind what the journal holds.

    The live fold knows what the database never will. A restart begins both where it stands.
    """


class Storer:
    """One per process. `offer` is called by the spine; `run` is a task.

    Attributes:
        behind: it is folding the journal again rather than reading the queue.
        fault: why nothing can be stored now, or None.
        checkpoints: of the fold, as they are stored.
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
        self.checkpoints = Checkpoints(
            journal,
            standby,
            every_s=checkpoint_us / 1_000_000,
            keep_journal=keep_journal,
            monotonic=monotonic,
        )
        self._committer = Committer(
            journal.id, self.checkpoints, clock=clock, monotonic=monotonic, metrics=metrics
        )
        self._queue = StoreQueue()
        self._wake = asyncio.Event()
        self._taken = 0
        self._failures = 0
        self._stopping = False
        self.behind = True
        self.fault: str | None = None

    @property
    def committed(self) -> int:
        """Position of the last entry in the database (known to this process)."""
        return self._committer.committed

    @property
    def losses(self) -> Losses:
        """What was found missing in the last 30 days, as far as is known here."""
        return self._committer.losses

    def offer(self, position: int, entry: Entry, outcome: Outcome) -> None:
        """Take one folded entry, or let it go: the journal has it."""
        if self.behind or position <= self._taken:
            return
        item = Folded(position, entry, outcome)
        if not self._queue.has_room_for(item):
            self._give_up_queue()
            return
        if self.checkpoints.is_due():
            item.state = self._live().snapshot()
        self._queue.put(item)
        self._wake.set()

    def _give_up_queue(self) -> None:
        if not self.behind:
            log.warning("store.behind", queued_readings=self._queue.readings)
        self.behind = True
        self._queue.clear()
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
        self._committer.go_on_from(start)
        self.checkpoints.state = start.state
        self.checkpoints.last = start.previous_checkpoint
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
        if items := self._queue.take(self._committer.together):
            await self._committer.commit(database, items)
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
        last = self._stopping and self.checkpoints.last != self.committed
        try:
            async with asyncio.timeout(0 if last else self.checkpoints.every_s):
                await self._wake.wait()
        except TimeoutError:
            state = self._live().snapshot()
            all_stored = state.position == self.committed
            if all_stored and (last or self.checkpoints.would_trim(self.committed)):
                await self._committer.checkpoint(database, state)

    async def drained(self) -> None:
        """At a stop: wait until everything folded is in the database, with a checkpoint behind it."""
        self._stopping = True
        self._wake.set()
        while self.checkpoints.last != self._live().position:  # noqa: ASYNC110 - once
            await asyncio.sleep(0.01)

    async def _catch_up(self, database: Database) -> None:
        """Fold the journal from the last kept state and commit what the database lacks.

        A stretch is folded while the one before it is on its way into the database.
        """
        assert self.checkpoints.state is not None
        fold = Fold.from_snapshot(self.checkpoints.state)
        after = fold.position
        committing: asyncio.Task[None] | None = None
        try:
            while True:
                entries = await self._journal.read(after, max_bytes=READ_BYTES)
                if not entries:
                    if after >= self._live().position:
                        # No await since the read returned: nothing can have been folded in between.
                        self.checkpoints.state = fold.snapshot()
                        self._queue.clear()
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

    def _fold_again(self, fold: Fold, entries: list[tuple[Position, Entry]]) -> list[Folded]:
        items = []
        for position, entry in entries:
            outcome = fold.apply(position, entry)
            if position > self.committed:
                items.append(Folded(position, entry, outcome))
        if items and self.checkpoints.is_due():
            items[-1].state = fold.snapshot()
        return items

    async def _commit_in_pieces(self, database: Database, items: list[Folded]) -> None:
        while items:
            some, items = items[: self._committer.together], items[self._committer.together :]
            await self._committer.commit(database, some)
            self._works()
