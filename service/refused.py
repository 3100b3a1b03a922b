"""Brings what ingest refused into the database, without ever holding up ingest."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog

from ingest import Quarantined
from store import quarantine
from store.database import Database, DatabaseUnavailable

BOUND: Final = 5_000
"""Refusals that wait for the database; older ones give way and are counted."""
GROUP: Final = 200
PAUSE_S: Final = 1.0

log = structlog.get_logger(__name__)


class RefusedKeeper:
    """`offer` is called by ingest; `run` is a task.

    Attributes:
        dropped: refusals that gave way while the database was away; the gateways were answered.
    """

    def __init__(self) -> None:
        self._waiting: deque[Quarantined] = deque(maxlen=BOUND)
        self._wake = asyncio.Event()
        self.dropped = 0

    def offer(self, refused: Quarantined) -> None:
        if len(self._waiting) == BOUND:
            self.dropped += 1
        self._waiting.append(refused)
        self._wake.set()

    async def run(self, database: Database) -> None:
        """Task: keep refusals, in groups, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = [self._waiting[k] for k in range(min(GROUP, len(self._waiting)))]
                try:
                    await quarantine.add_quarantined(database, [r for g in group for r in _rows(g)])
                except DatabaseUnavailable as error:
                    log.debug("quarantine.waiting", reason=str(error))
                    await asyncio.sleep(PAUSE_S)
                    continue
                for _ in group:
                    self._waiting.popleft()


def _rows(refused: Quarantined) -> list[quarantine.Quarantined]:
    return [
        quarantine.Quarantined(
            at=refused.received,
            gateway=refused.gateway,
            topic=refused.topic,
            path=error.path,
            reason=error.reason,
            payload=refused.payload,
        )
        for error in refused.errors
    ]
