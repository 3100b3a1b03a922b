"""What can be counted of the service, sampled once a second: for its metrics and its health."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from domain.assets import Gateway
from domain.readings import MICROSECONDS
from ingest import Ingest
from service.feed import Feed
from service.ingest_counts import IngestCounts
from service.metrics import Metrics
from service.spine import Spine
from service.storer import Storer
from store.journal import Journal, JournalUnavailable

RATE_WINDOW_S: Final = 5
log = structlog.get_logger(__name__)


class Figures:
    """One per process; `run` is a task.

    Attributes:
        free_mib: what the journal can still take, as of the last sample; None: not known.
        astray: the journal was moved or deleted while in use.
    """

    def __init__(
        self,
        *,
        spine: Spine,
        storer: Storer,
        ingest: Ingest,
        journal: Journal,
        feed: Feed,
        metrics: Metrics,
        clock: Callable[[], int],
        gateways: Callable[[], Iterable[Gateway]],
    ) -> None:
        self._spine = spine
        self._storer = storer
        self._ingest = ingest
        self._journal = journal
        self._feed = feed
        self._metrics = metrics
        metrics.registry.register(IngestCounts(ingest))
        self._clock = clock
        self._gateways = gateways
        self._readings: deque[tuple[int, int]] = deque(maxlen=RATE_WINDOW_S + 1)
        self._rejected: dict[str, int] = {}
        self._messages = 0
        self.free_mib: int | None = None
        self.astray = False

    async def run(self) -> None:
        """Task: sample once a second, for ever."""
        while True:
            self._readings.append((self._clock(), self._ingest.figures.readings))
            try:
                space = await self._journal.space()
                self.free_mib = space.free >> 20
                self._note_astray(astray=space.astray)
            except JournalUnavailable:
                self.free_mib = None
            self._count()
            await asyncio.sleep(1.0)

    def _note_astray(self, *, astray: bool) -> None:
        if astray and not self.astray:
            log.error("journal.astray", do="put its file back before the service stops")
        self.astray = astray

    def gateways_online(self) -> int:
        return sum(self._ingest.gateway(g.number).online is True for g in self._gateways())

    def store_lag_s(self) -> float:
        """Age of the oldest entry the database lacks (s)."""
        return self._spine.progress.lag_s(self._storer.committed, now=self._clock())

    def lag_readings(self) -> int:
        """Readings the database lacks."""
        return self._spine.progress.lag_readings(self._storer.committed)

    def readings_per_s(self) -> float:
        if len(self._readings) < 2:
            return 0.0
        (then, before), (now, after) = self._readings[0], self._readings[-1]
        return (after - before) * MICROSECONDS / max(now - then, 1)

    def _count(self) -> None:
        metrics, figures = self._metrics, self._ingest.figures
        metrics.messages_received.inc(figures.messages - self._messages)
        self._messages = figures.messages
        for cause, count in figures.rejected.items():
            reason = str(cause.value)
            metrics.readings_rejected.labels(reason).inc(count - self._rejected.get(reason, 0))
            self._rejected[reason] = count
        metrics.alarms_open.set(len(self._spine.fold.state.alarms))
        metrics.journal_lag.set(self.lag_readings())
        metrics.store_lag.set(self.store_lag_s())
        metrics.gateways_online.set(self.gateways_online())
        metrics.stream_clients.set(self._feed.clients)
        metrics.journal_holes.set(self._storer.losses.holes)
        metrics.entries_set_aside.set(self._storer.losses.set_aside)
