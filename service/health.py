"""How the service is: the figures of the live health frame, readiness and metrics.

Samples once a second; what is asked between samples is answered from memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any, Final

from api.answers import rfc3339_or_none
from domain.assets import Gateway
from domain.readings import MICROSECONDS
from ingest import Ingest
from service.feed import Feed
from service.metrics import Metrics
from service.spine import Spine
from service.storer import Storer
from store.journal import Journal, JournalUnavailable

STALE_TURN_S: Final = 10.0
"""The spine counts as turning while its last entry (a tick comes each second) is younger."""
RATE_WINDOW_S: Final = 5
VERSION: Final = version("vedette")


class Health:
    """One per process; `run` is a task."""

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
        self._clock = clock
        self._gateways = gateways
        self._readings: deque[tuple[int, int]] = deque(maxlen=RATE_WINDOW_S + 1)
        self._free_mib: int | None = None
        self._rejected: dict[str, int] = {}
        self._messages = 0

    async def run(self) -> None:
        """Task: sample once a second, for ever."""
        while True:
            self._readings.append((self._clock(), self._ingest.figures.readings))
            try:
                space = await self._journal.space()
                self._free_mib = space.free >> 20
            except JournalUnavailable:
                self._free_mib = None
            self._count()
            await asyncio.sleep(1.0)

    def gateways_online(self) -> int:
        return sum(self._ingest.gateway(g.number).online is True for g in self._gateways())

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

    def frame(self) -> dict[str, Any]:
        """The stream's health frame, once a second."""
        session, losses = self._ingest.session, self._storer.losses
        return {
            "store": {
                "available": self._storer.fault is None,
                "lag_s": round(self.store_lag_s(), 2),
                "reason": self._storer.fault,
                "set_aside": losses.set_aside,
            },
            "broker": {
                "connected": session is not None and session.ready.is_set(),
                "listening": self._ingest.listening,
                "faults": self._ingest.faults,
            },
            "journal": {
                "lag_readings": self.lag_readings(),
                "free_mib": self._free_mib,
                "fault": self._spine.fault,
                "holes": losses.holes,
                "newest_hole_at": rfc3339_or_none(losses.newest_hole_at),
            },
            "standby": {"faults": dict(self._storer.checkpoints.standby.faults)},
            "turning": self.turning(),
            "readings_per_s": round(self.readings_per_s(), 1),
            "decision_ms_p50": self._spine.decision_ms_p50(),
            "gateways_online": self.gateways_online(),
            "version": VERSION,
        }

    def unready(self) -> list[str]:
        """Why this process should get no traffic; empty when it is ready."""
        reasons = list(self._ingest.faults)
        session = self._ingest.session
        if session is None or not session.ready.is_set():
            reasons.append("no session with the broker")
        if self._spine.fault is not None:
            reasons.append(f"the journal cannot keep readings: {self._spine.fault}")
        if self._storer.fault is not None:
            reasons.append(self._storer.fault)
        if not self.turning():
            reasons.append("nothing has been judged for 10 s")
        return reasons

    def alive(self) -> bool:
        """Whether a restart would not help: it turns, or it cannot and says why (systemd asks)."""
        return self.turning() or self._spine.fault is not None

    def turning(self) -> bool:
        """Whether the fold still moves; the outer heartbeat hangs on it."""
        last = self._spine.progress.folded_at
        return last is not None and self._clock() - last < STALE_TURN_S * MICROSECONDS
