"""Forbidden publishes the broker reports, at most one a second for each culprit and topic.

A gateway that is set up wrongly repeats itself with every message; who it is and where it wrote
is said often enough once a second, and the memory it takes is bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar

_QUIET_S: Final = 1.0
_REMEMBERED: Final = 1000

Culprit = TypeVar("Culprit")


class Violations(Generic[Culprit]):
    """Notes violations as they are read, and hands them on one by one.

    More than `_REMEMBERED` different ones a second are dropped: they tell nothing new.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[Culprit, str]] = asyncio.Queue(_REMEMBERED)
        self._noted_at: OrderedDict[tuple[Culprit, str], float] = OrderedDict()

    def note(self, culprit: Culprit, topic: str) -> None:
        """Take one violation; forgotten if the same was noted within the last second."""
        now = time.monotonic()
        while self._noted_at and now - next(iter(self._noted_at.values())) > _QUIET_S:
            self._noted_at.popitem(last=False)
        key = (culprit, topic)
        if key not in self._noted_at and not self._queue.full():
            self._noted_at[key] = now
            self._queue.put_nowait(key)

    async def __aiter__(self) -> AsyncIterator[tuple[Culprit, str]]:
        while True:
            yield await self._queue.get()
