"""The newest changes of alarms, kept so that they are known before the store has them.

A timeline is whole with them, and who comes too late to act learns how the alarm ended. When the
feed reports that something was missed, everything is forgotten: what is kept has no holes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from alerting import Alarm
from api.ports import Event, Live

KEPT: Final = 5_000
"""Changes of the last seconds in the worst of floods; of days in quiet times."""


class Recent:
    """Listens to the feed; `run` is a task of the application's life."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._events: deque[Event] = deque(maxlen=KEPT)
        self.newest_id = (0, 0)
        """(position, ordinal) of the newest change that came by; (0, 0) before any."""

    async def run(self) -> None:
        """Task: keep what comes by, for ever."""
        async for event in self._live.events(None, screen=False):
            if event is None:
                self._events.clear()
            else:
                self._events.append(event)
                self.newest_id = event.position, event.ordinal

    def of(self, alarm: str) -> list[Event]:
        """What is kept of one alarm, oldest first."""
        return [event for event in self._events if event.alarm.id == alarm]

    def newest(self, alarm: str) -> Alarm | None:
        """An alarm as it stood after its newest change that is kept."""
        return next((e.alarm for e in reversed(self._events) if e.alarm.id == alarm), None)
