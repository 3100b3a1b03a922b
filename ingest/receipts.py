"""Receipts: told to a gateway at most twice a second, whenever something of it became durable.

A receipt that is lost is made good by the next one; a gateway that comes back is told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from domain.sequence import SequenceTracker
from domain.wire import encode_receipt
from ingest.topics import receipt_topic

RECEIPT_EVERY_S: Final = 0.5


class Receipts:
    """Which gateways are owed a receipt.

    Args:
        sequences: What is settled; read only.
        publish: Sends a payload to a topic; False if it could not.
    """

    def __init__(self, sequences: SequenceTracker, publish: Callable[[str, bytes], bool]) -> None:
        self._sequences = sequences
        self._publish = publish
        self._owed: dict[int, str] = {}
        self.sent = 0

    def owe(self, gateways: Iterable[tuple[int, str]]) -> None:
        """Note gateways (number, id) that should hear how far they are stored."""
        self._owed.update(gateways)

    def send(self, now: int) -> None:
        """Tell every gateway that is owed a receipt; `now` in µs UTC. Call twice a second."""
        owed, self._owed = self._owed, {}
        for number, gateway in owed.items():
            stored = self._sequences.stored(number)
            if stored is None:
                continue
            if self._publish(receipt_topic(gateway), encode_receipt(*stored, now)):
                self.sent += 1
            else:
                self._owed[number] = gateway
