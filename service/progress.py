"""How far the database lies behind the live fold, in readings and in seconds.

One mark a second, so that an outage of a day costs some megabytes at most.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

MARK_US: Final = 1_000_000


class _Mark(NamedTuple):
    """After the entry at `position`, `readings` had been kept in all; at server time `at`."""

    position: int
    readings: int
    at: int


class Progress:
    """Marks of the live fold; asked with the database's position."""

    def __init__(self) -> None:
        self._marks: deque[_Mark] = deque()
        self._newest = _Mark(0, 0, 0)
        self._stored = _Mark(0, 0, 0)

    @property
    def folded_at(self) -> int | None:
        """Server time of the newest entry, int64 µs UTC."""
        return self._newest.at or None

    def note(self, position: int, readings: int, *, at: int) -> None:
        """An entry that kept so many readings has been folded."""
        self._newest = _Mark(position, self._newest.readings + readings, at)
        if not self._marks or abs(at - self._marks[-1].at) >= MARK_US:  # the clock may be set back
            self._marks.append(self._newest)

    def lag_readings(self, committed: int) -> int:
        """Readings kept since the entry at `committed`; within one mark's worth."""
        self._forget(committed)
        if committed >= self._newest.position:
            return 0
        return self._newest.readings - self._stored.readings

    def lag_s(self, committed: int, *, now: int) -> float:
        """Age of the oldest entry the database lacks (s)."""
        self._forget(committed)
        if committed >= self._newest.position:
            return 0.0
        oldest = self._marks[0] if self._marks else self._newest
        return max(0.0, (now - oldest.at) / MARK_US)

    def _forget(self, committed: int) -> None:
        while self._marks and self._marks[0].position <= committed:
            self._stored = self._marks.popleft()
