"""A gateway's store-and-forward memory: what it sent or will send and nobody has receipted yet.

Messages get `seq` 1, 2, 3... when they are put in, keep it for life, and leave when the receipt
covers them. PUBACK alone removes nothing. Bounded: when full, the oldest is given up and counted,
as a real box's flash would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from domain.wire import OutgoingReading


@dataclass(slots=True)
class Stored:
    """A message as it waits: its `seq`, plant time (µs) and readings."""

    seq: int
    time: int
    readings: tuple[OutgoingReading, ...]
    sent: bool = False


class Outbox:
    """Messages without a receipt, in order of `seq`.

    Attributes:
        given_up: messages dropped because the outbox was full.
    """

    def __init__(self, capacity: int) -> None:
        self._messages: deque[Stored] = deque()
        self._capacity = capacity
        self._seq = 0
        self._unsent = 0
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Stored]:
        return iter(self._messages)

    def put(self, time: int, readings: tuple[OutgoingReading, ...]) -> None:
        """Add a message with the next `seq`."""
        if len(self._messages) >= self._capacity:
            self._unsent -= not self._messages.popleft().sent
            self.given_up += 1
        self._seq += 1
        self._messages.append(Stored(self._seq, time, readings))
        self._unsent += 1

    def unsent(self, limit: int) -> list[Stored]:
        """The oldest messages not sent yet, at most `limit`."""
        found: list[Stored] = []
        if not self._unsent:
            return found
        for message in reversed(self._messages) if self._unsent <= limit else self._messages:
            if not message.sent:
                found.append(message)
                if len(found) == min(limit, self._unsent):
                    break
        found.sort(key=lambda message: message.seq)
        return found

    def mark_sent(self, message: Stored) -> None:
        """The broker has this message (PUBACK)."""
        if not message.sent:
            message.sent = True
            self._unsent -= 1

    def receipted(self, through: int) -> int:
        """Forget every message with `seq` up to `through`; returns how many were forgotten."""
        forgotten = 0
        while self._messages and self._messages[0].seq <= through:
            self._unsent -= not self._messages.popleft().sent
            forgotten += 1
        return forgotten

    def rewind(self) -> None:
        """Send everything again that has no receipt."""
        for message in self._messages:
            message.sent = False
        self._unsent = len(self._messages)
