"""Rejections on their way down. One that cannot be written now waits, and goes out in its turn.

The broker may be away, or not reading. What waits is bounded in memory; when it is full the oldest
gives way, is counted and said in the log: its message stays in quarantine.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from domain.wire import encode_rejected
from ingest.batching import Answer
from ingest.topics import rejected_topic

MOST_BYTES: Final = 4 * 1024 * 1024
_log = logging.getLogger("vedette.ingest")


class Answering:
    """Sends rejections in order.

    Args:
        publish: Sends a payload to a topic; False if it could not.

    Attributes:
        dropped: answers that gave way to newer ones.
    """

    def __init__(self, publish: Callable[[str, bytes], bool]) -> None:
        self._publish = publish
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._losing = False
        self.dropped = 0

    def give(self, answer: Answer) -> None:
        """Send an answer, behind those that wait."""
        payload = encode_rejected(answer.boot, answer.seq, answer.errors)
        self._waiting.append((rejected_topic(answer.gateway), payload))
        self._bytes += len(payload)
        self.send()
        while self._bytes > MOST_BYTES:
            topic, given_up = self._waiting.popleft()
            self._bytes -= len(given_up)
            self.dropped += 1
            if not self._losing:
                _log.warning("the broker takes no answers: the one on %s is dropped first", topic)
            self._losing = True

    def send(self) -> bool:
        """Send what waits; True if nothing is left, so that receipts may pass."""
        while self._waiting and self._publish(*self._waiting[0]):
            _, sent = self._waiting.popleft()
            self._bytes -= len(sent)
        self._losing = self._losing and bool(self._waiting)
        return not self._waiting
