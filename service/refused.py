"""Brings what ingest refused into the database, without ever holding up ingest."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog

from ingest import Quarantined
from store import quarantine
from store.database import Database, DatabaseUnavailable, refusals

BOUND: Final = 5_000
"""Refused messages that wait for the database; older ones give way and are counted."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""And so do they when those that wait hold more than this."""
GROUP: Final = 500
"""Rows written at once, or a few more: a message stays whole."""
PAUSE_S: Final = 1.0
_OVERHEAD: Final = 200
"""Bytes a message, and each of its mistakes, takes beside its text, about."""

log = structlog.get_logger(__name__)


class RefusedKeeper:
    """`offer` is called by ingest; `run` is a task.

    Attributes:
        dropped: refusals that gave way while the database was away; the gateways were answered.
        waiting_bytes: of memory, about, that those waiting hold.
    """

    def __init__(self) -> None:
        self._waiting: deque[Quarantined] = deque()
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._told = 0
        self.dropped = 0
        self.waiting_bytes = 0

    def offer(self, refused: Quarantined) -> None:
        self._waiting.append(refused)
        self.waiting_bytes += _size(refused)
        while len(self._waiting) > BOUND or self.waiting_bytes > MOST_BYTES:
            self._take_oldest()
            self.dropped += 1
        self._done.clear()
        self._wake.set()

    async def run(self, database: Database) -> None:
        """Task: keep refusals, in groups, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                # In hand, not in the queue: what gives way there meanwhile is another.
                rows: list[quarantine.Quarantined] = []
                while self._waiting and len(rows) < GROUP:
                    rows += _rows(self._take_oldest())
                await _keep(database, rows)
            self._done.set()
            self._tell_of_dropped()

    async def drained(self) -> None:
        """At a stop: wait until the database has all that was offered."""
        await self._done.wait()

    def _tell_of_dropped(self) -> None:
        if self.dropped > self._told:
            log.warning("quarantine.dropped", messages=self.dropped - self._told)
            self._told = self.dropped

    def _take_oldest(self) -> Quarantined:
        oldest = self._waiting.popleft()
        self.waiting_bytes -= _size(oldest)
        return oldest


async def _keep(database: Database, rows: list[quarantine.Quarantined]) -> None:
    """Offer rows until the database takes them; a refusal of its must not end the judging."""
    trouble: str | None = None
    while True:
        try:
            with refusals():
                await quarantine.add_quarantined(database, rows)
        except DatabaseUnavailable as error:
            if trouble is None:
                log.warning("quarantine.waiting", reason=str(error))
            trouble = str(error)
            await asyncio.sleep(PAUSE_S)
        else:
            return


def _size(refused: Quarantined) -> int:
    texts = sum(len(error.path) + len(error.reason) for error in refused.errors)
    held = len(refused.payload) + len(refused.topic) + texts
    return held + _OVERHEAD * (1 + len(refused.errors))


def _rows(refused: Quarantined) -> list[quarantine.Quarantined]:
    """A row for each mistake, the first of them last: newest first is how they are shown.

    The payload stands with the first only.
    """
    return [
        quarantine.Quarantined(
            at=refused.received,
            gateway=refused.gateway,
            topic=refused.topic,
            path=error.path,
            reason=error.reason,
            payload=b"" if place else refused.payload,
        )
        for place, error in reversed(list(enumerate(refused.errors)))
    ]
