"""Alarm events on their way to screens: a short memory and bounded subscribers.

The fold publishes every alarm transition here the moment it is decided, stored or not; ids are
the fold's, so they do not change when the database has them. A subscriber that asks for an id
older than the memory is served from the database first; one that is too slow is told to start
over rather than being waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from weakref import WeakSet

from api.ports import Event

MEMORY: Final = 20_000
"""Events kept for screens that reconnect."""
SUBSCRIBER_BOUND: Final = 2_000
"""Events a slow screen may lie behind before it must take a new snapshot."""

Key = tuple[int, int]
History = Callable[[Key, Key | None], Awaitable[list[Event] | None]]
"""Events after the first id and before the second, oldest first; None if it cannot tell."""


class _Subscriber:
    def __init__(self, *, screen: bool) -> None:
        self.screen = screen
        self.waiting: deque[Event] = deque()
        self.wake = asyncio.Event()
        self.overrun = False

    def offer(self, event: Event) -> None:
        if len(self.waiting) >= SUBSCRIBER_BOUND:
            self.overrun = True
            self.waiting.clear()
        else:
            self.waiting.append(event)
        self.wake.set()


class Feed:
    """Fan-out of alarm events. Not thread-safe: lives on the event loop."""

    def __init__(self, *, history: History, origin: int, first: int = 0) -> None:
        """Begin behind `origin`: the journal position from which this process knows every event.

        `first`: of the journal's oldest entry; what lay between the two is lost, and a screen
        that stands there knows of things nobody else does.
        """
        self._memory: deque[Event] = deque(maxlen=MEMORY)
        self._origin: Key = (origin, -1)
        self._lost = (origin, first)
        self._newest = origin
        self._history = history
        # Weak: a screen may leave before it has read anything, and then no code of ours runs.
        self._subscribers: WeakSet[_Subscriber] = WeakSet()

    @property
    def clients(self) -> int:
        """Screens that listen now."""
        return sum(subscriber.screen for subscriber in self._subscribers)

    def publish(self, events: list[Event]) -> None:
        for event in events:
            if len(self._memory) == MEMORY:
                oldest = self._memory[0]
                self._origin = (oldest.position, oldest.ordinal)
            self._memory.append(event)
            self._newest = event.position
            for subscriber in self._subscribers:
                subscriber.offer(event)

    def subscribe(self, after: Key | None, *, screen: bool = True) -> AsyncIterator[Event | None]:
        """Events after an id, or from now on; None means: take a new snapshot.

        A part of this process that listens (`screen` false) is no client. The place in the stream
        is taken when this is called, not when it is first awaited.
        """
        subscriber = _Subscriber(screen=screen)
        if after is not None and self._is_unknown(after[0]):
            subscriber.overrun = True
            after = None
        remembered = [] if after is None else [e for e in self._memory if _key(e) > after]
        origin = self._origin
        self._subscribers.add(subscriber)
        return self._stream(subscriber, after, origin, remembered)

    def _is_unknown(self, position: int) -> bool:
        """Whether no event of this history can have this position."""
        return self._lost[0] < position < self._lost[1] or position > self._newest

    async def _stream(
        self, subscriber: _Subscriber, after: Key | None, origin: Key, remembered: list[Event]
    ) -> AsyncIterator[Event | None]:
        try:
            if after is not None and after < origin:
                first = _key(remembered[0]) if remembered else None
                older = await self._history(after, first)
                if older is None:
                    yield None
                else:
                    for event in older:
                        yield event
            for event in remembered:
                yield event
            while True:
                if subscriber.overrun:
                    subscriber.overrun = False
                    yield None
                while subscriber.waiting:
                    yield subscriber.waiting.popleft()
                if not subscriber.overrun:
                    subscriber.wake.clear()
                    if not subscriber.waiting:
                        await subscriber.wake.wait()
        finally:
            self._subscribers.discard(subscriber)


def _key(event: Event) -> Key:
    return event.position, event.ordinal
