"""Commits stretches of folded entries; one that fails comes again in smaller pieces.

One entry whose content PostgreSQL will never take is set aside, kept whole and noted as a hole;
whatever else it refuses is raised, to be offered again for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import structlog

from alerting import Fold, FoldState, Verdict
from domain.entries import EntryKind
from domain.readings import NO_TIME, ReadingBatch
from service.checkpoints import Checkpoints
from service.metrics import Metrics
from service.recovery import StoreStart
from service.store_queue import Folded
from store.database import Database, DatabaseUnavailable
from store.holes import Losses
from store.writer import Commit, StretchRefused, commit

MOST_TOGETHER: Final = 1 << 20
"""Entries of one transaction: as many as are offered, unless pieces must be small."""
MOST_SET_ASIDE: Final = 20
"""Entries set aside by one process; more are no accident of content."""

log = structlog.get_logger(__name__)


class Committer:
    """The storer's hand on the database; `go_on_from` before anything is committed.

    Attributes:
        committed: position of the last entry in the database (known to this process).
        together: how many entries one transaction may have now.
        losses: what was found missing in the last 30 days, as far as is known here.
    """

    def __init__(
        self,
        journal_id: str,
        checkpoints: Checkpoints,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._journal_id = journal_id
        self._checkpoints = checkpoints
        self._clock = clock
        self._monotonic = monotonic
        self._metrics = metrics
        self._claim: str | None = None
        self._set_aside = 0
        self.committed = 0
        self.together = MOST_TOGETHER
        self.losses = Losses()

    def go_on_from(self, start: StoreStart) -> None:
        self.committed = start.committed
        self.losses = start.losses
        self._claim = start.claim

    async def commit(self, database: Database, items: list[Folded]) -> None:
        """In one transaction; what fails is to come again in smaller pieces.

        Raises:
            DatabaseUnavailable, DatabaseBehind, StaleJournal, ReplayDiffers: as `store.writer`.
            StretchRefused: it is not the content of one entry, or too many were set aside.
        """
        try:
            await self._write(database, items)
        except DatabaseUnavailable:
            self.together = max(1, len(items) // 2)  # it may have been too much for one statement
            raise
        except StretchRefused as refused:
            self.together = 1
            if len(items) > 1 or not refused.content or self._set_aside >= MOST_SET_ASIDE:
                raise
            await self._leave_out(database, items[0], refused)
        else:
            self.together = min(self.together * 17 // 16 + 1, MOST_TOGETHER)

    async def _leave_out(self, database: Database, item: Folded, refused: StretchRefused) -> None:
        """Leave the readings of an entry out; and if that is not enough, all it decided."""
        log.error("store.set_aside", position=item.position, reason=str(refused))
        try:
            await self._write(database, [item], set_aside=str(refused), decided=True)
        except StretchRefused:
            await self._write(database, [item], set_aside=str(refused), decided=False)
        self._set_aside += 1
        self.losses = replace(self.losses, set_aside=self.losses.set_aside + 1)

    async def _write(
        self,
        database: Database,
        items: list[Folded],
        *,
        set_aside: str | None = None,
        decided: bool = True,
    ) -> None:
        state = items[-1].state
        change = Commit(
            journal_id=self._journal_id,
            after=self.committed,
            position=items[-1].position,
            batches=_batches(items) if set_aside is None else (),
            transitions=[
                (item.position, ordinal, transition)
                for item in items
                for ordinal, transition in enumerate(item.outcome.transitions)
                if decided
            ],
            alarms=list({a.id: a for i in items for a in i.outcome.alarms if decided}.values()),
            checkpoint=None if state is None else await _checkpoint_of(state),
            entries=[(item.position, item.entry) for item in items],
            claim=self._claim,
            set_aside=set_aside,
        )
        started = self._monotonic()
        done = await commit(database, change)
        self._metrics.stage_seconds.labels("commit").observe(self._monotonic() - started)
        self.committed = change.position
        self._metrics.readings_stored.inc(done.rows)
        self._observe_latency(change)
        if state is not None and change.checkpoint is not None:
            await self._checkpoints.confirmed(state, change.checkpoint)

    def _observe_latency(self, change: Commit) -> None:
        now = self._clock()
        for _, batch, _ in change.batches:
            sent = batch.messages.sent
            began = np.where(sent == NO_TIME, batch.messages.received, sent)
            self._metrics.commit_latency.observe(now - began)

    async def checkpoint(self, database: Database, state: FoldState) -> None:
        """Commit a checkpoint alone, of a state whose entries are all stored.

        Raises: as `commit`, but for StretchRefused.
        """
        checkpoint = await _checkpoint_of(state)
        at = state.position
        await commit(
            database,
            Commit(self._journal_id, at, at, checkpoint=checkpoint, claim=self._claim),
        )
        await self._checkpoints.confirmed(state, checkpoint)


def _batches(items: list[Folded]) -> list[tuple[int, ReadingBatch, Verdict]]:
    return [
        (item.position, ReadingBatch.from_bytes(item.entry.payload), item.outcome.verdict)
        for item in items
        if item.entry.kind is EntryKind.BATCH and item.outcome.verdict is not None
    ]


async def _checkpoint_of(state: FoldState) -> bytes:
    return await asyncio.to_thread(Fold.from_snapshot(state).checkpoint)
