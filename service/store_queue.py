"""Folded entries that wait for the database, in order and in bounded memory.

When they are too many the queue is given up (`service.storer`): the journal has them all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from alerting import FoldState, Outcome
from domain.entries import Entry

QUEUE_READINGS: Final = 200_000
"""Readings that may wait for the database before the queue is given up for the journal."""
QUEUE_ENTRIES: Final = 2_000
COMMIT_READINGS: Final = 50_000
"""Readings of one transaction, unless a single entry has more."""
COMMIT_ENTRIES: Final = 400


@dataclass(slots=True)
class Folded:
    """One entry with what the fold made of it."""

    position: int
    entry: Entry
    outcome: Outcome
    state: FoldState | None = None
    """Of the fold after this entry, where a checkpoint is due."""

    @property
    def readings(self) -> int:
        return 0 if self.outcome.verdict is None else len(self.outcome.verdict.kept)


class StoreQueue:
    """First in, first out.

    Attributes:
        readings: of all entries that wait.
    """

    def __init__(self) -> None:
        self._waiting: deque[Folded] = deque()
        self.readings = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room_for(self, item: Folded) -> bool:
        return (
            self.readings + item.readings <= QUEUE_READINGS and len(self._waiting) < QUEUE_ENTRIES
        )

    def put(self, item: Folded) -> None:
        self._waiting.append(item)
        self.readings += item.readings

    def take(self, at_most: int) -> list[Folded]:
        """As many as make one transaction: up to `at_most`, and through the next checkpoint."""
        items: list[Folded] = []
        readings = 0
        while self._waiting and len(items) < min(COMMIT_ENTRIES, at_most):
            if items and readings + self._waiting[0].readings > COMMIT_READINGS:
                break
            item = self._waiting.popleft()
            readings += item.readings
            items.append(item)
            if item.state is not None:
                break
        self.readings -= readings
        return items

    def clear(self) -> None:
        self._waiting.clear()
        self.readings = 0
