"""Puts re-delivered messages back in order, for a short time after each reconnect.

Some brokers send what was not acknowledged again only after a while, behind newer messages. Judged
in that order the old ones would count as stragglers, and an alarm of an unkilled run could be
missing. So for `window_s` after a connect a gateway's message waits while the one before it (by
`seq`) is neither taken nor settled; then everything goes on as it came.

What waits when its connection is lost goes on waiting. The broker sends it again, so it may come
twice; but a broker may also forget, and what we hold is then the only copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

from domain.sequence import SequenceTracker

MOST_HELD_BYTES: Final = 16 * 1024 * 1024

Item = TypeVar("Item")


@dataclass(slots=True)
class _Held(Generic[Item]):
    """Messages of one (gateway, boot) that wait; `next` is the seq that may go on."""

    next: int
    waiting: list[tuple[int, int, Item, int]] = field(default_factory=list)
    """Heap of (seq, order of arrival, item, bytes)."""
    since: float = float("inf")
    """When it was first seen that something waits; inf when nothing does."""


class Reordering(Generic[Item]):
    """Holds items behind a missing `seq` while a window is open.

    Args:
        sequences: What is settled already; read only.
        window_s: How long items are held at most, even if connections are lost meanwhile; 0 never
            holds.
    """

    def __init__(self, sequences: SequenceTracker, *, window_s: float) -> None:
        self._sequences = sequences
        self._window_s = window_s
        self._closes_at = float("-inf")
        self._lines: dict[tuple[int, str | None], _Held[Item]] = {}
        self._arrivals = 0
        self.held_bytes = 0
        self.gave_up = 0
        """Times the window was closed early for want of memory."""

    @property
    def is_open(self) -> bool:
        """Whether messages must pass through `arrange`."""
        return self._closes_at > float("-inf")

    def open(self, now: float) -> None:
        """A connection was made, at `now` in seconds of a monotonic clock."""
        if self._window_s > 0:
            self._closes_at = now + self._window_s

    def arrange(
        self, gateway: int, boot: str | None, seq: int, item: Item, size: int
    ) -> Iterator[Item]:
        """Take one message; yield those that may go on now, in order."""
        line = self._lines.get((gateway, boot))
        if line is None:
            line = _Held(self._sequences.after(gateway, boot))
            self._lines[gateway, boot] = line
        if seq > line.next:
            self._arrivals += 1
            heappush(line.waiting, (seq, self._arrivals, item, size))
            self.held_bytes += size
            return
        yield item
        line.next = max(line.next, seq + 1)
        yield from self._ready(line)

    def due(self, now: float) -> Iterable[Item]:
        """What may go on since other messages were settled, or because it has waited enough.

        Call it often: a time of waiting begins when this sees it.
        """
        if now >= self._closes_at or self.held_bytes > MOST_HELD_BYTES:
            self.gave_up += now < self._closes_at
            return self._close()
        ready: list[Item] = []
        for (gateway, boot), line in tuple(self._lines.items()):
            if line.waiting:
                ready += self._ready(line, self._sequences.after(gateway, boot))
            line.since = min(line.since, now) if line.waiting else float("inf")
            if now - line.since >= self._window_s:
                ready += self._everything(line)
                del self._lines[gateway, boot]
        return ready

    def _ready(self, line: _Held[Item], settled_before: int = 0) -> Iterator[Item]:
        line.next = max(line.next, settled_before)
        while line.waiting and line.waiting[0][0] <= line.next:
            seq, _, item, size = heappop(line.waiting)
            self.held_bytes -= size
            line.next = max(line.next, seq + 1)
            yield item

    def _everything(self, line: _Held[Item]) -> Iterator[Item]:
        while line.waiting:
            _, _, item, size = heappop(line.waiting)
            self.held_bytes -= size
            yield item

    def _close(self) -> list[Item]:
        items = [item for line in self._lines.values() for item in self._everything(line)]
        self._lines.clear()
        self._closes_at = float("-inf")
        return items
