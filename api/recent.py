"""The newest changes of alarms, kept so that a timeline is whole before the store has them."""

from __future__ import annotations

from collections import deque
from typing import Final

from api.ports import Event, Live

KEPT: Final = 5_000
"""Changes of the last seconds in the worst of floods; of days in quiet times."""


class Recent:
    """Listens to the feed; `run` is a task of the application's life."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._events: deque[Event] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Task: keep what comes by, for ever."""
        async for event in self._live.events(None):
            if event is not None:
                self._events.append(event)

    def of(self, alarm: str) -> list[Event]:
        """What is kept of one alarm, oldest first."""
        return [event for event in self._events if event.alarm.id == alarm]
