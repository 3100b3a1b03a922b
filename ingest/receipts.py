"""Receipts: told to a gateway at most twice a second, whenever something of it became durable.

A gateway that started anew may still send what an earlier boot left: each boot has a receipt of
its own, and they take turns. A receipt that is lost is made good by the next one; a gateway that
comes back is told again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from domain.sequence import MAX_BOOTS, SequenceTracker
from domain.wire import encode_receipt
from ingest.topics import receipt_topic

RECEIPT_EVERY_S: Final = 0.5


class Receipts:
    """Which gateways are owed a receipt, and of which boots.

    Args:
        sequences: What is settled; read only.
        publish: Sends a payload to a topic; False if it could not.
    """

    def __init__(self, sequences: SequenceTracker, publish: Callable[[str, bytes], bool]) -> None:
        self._sequences = sequences
        self._publish = publish
        self._owed: dict[tuple[int, str], dict[str | None, None]] = {}

    def owe(self, number: int, gateway: str, boot: str | None) -> None:
        """Note a gateway (number, id) that should hear how far a boot of it is stored."""
        boots = self._owed.setdefault((number, gateway), {})
        boots[boot] = None
        if len(boots) > MAX_BOOTS:
            del boots[next(iter(boots))]

    def send(self, now: int) -> None:
        """Tell every gateway one receipt that it is owed; `now` in µs UTC. Call twice a second."""
        for (number, gateway), boots in tuple(self._owed.items()):
            boot = next(iter(boots))
            through = self._sequences.through(number, boot)
            if through is not None and not self._publish(
                receipt_topic(gateway), encode_receipt(boot, through, now)
            ):
                return  # nor would the others go out
            del boots[boot]
            if not boots:
                del self._owed[number, gateway]
