"""Gateways that are not registered: which of their messages were answered.

An answered message counts for the receipt (contract, "Receipt"). Once such a gateway is registered
its answered messages are settled through the journal, or its receipts would stay at 0 until its
next boot. What is remembered is bounded and gone with the process; what is forgotten is not
settled, so no receipt ever promises too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from domain.readings import NO_TIME
from ingest.batching import Batch
from ingest.intake import NO_READINGS

MOST_GATEWAYS: Final = 1000
MOST_BOOTS: Final = 4
MOST_RANGES: Final = 16
"""Of consecutive numbers, per boot."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Ranges = list[tuple[int, int]]
"""(first, last), both included, in order of arrival."""


class Strangers:
    """Remembers (boot, seq) by gateway id; the newest stay."""

    def __init__(self) -> None:
        self._answered: dict[str, dict[str | None, _Ranges]] = {}

    def __iter__(self) -> Iterator[str]:
        """The ids of those remembered."""
        return iter(tuple(self._answered))

    def answered(self, gateway: str, boot: str | None, seq: int) -> None:
        """Remember that this message was answered."""
        boots = _newest(self._answered, gateway, {}, MOST_GATEWAYS)
        ranges = _newest(boots, boot, [], MOST_BOOTS)
        if ranges and seq == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], seq)
        elif not any(first <= seq <= last for first, last in ranges):
            ranges.append((seq, seq))
            del ranges[:-MOST_RANGES]

    def settle(self, gateway: str, batch: Batch, number: int, received: int, *, most: int) -> int:
        """Move at most so many of a gateway's messages into a batch, as `number`; how many."""
        answered = self.take(gateway, most)
        for boot, seq in answered:
            batch.builder.add(
                gateway=number,
                received=received,
                sent=NO_TIME,
                boot=boot,
                seq=seq,
                backfill=True,
                readings=NO_READINGS,
            )
        return len(answered)

    def take(self, gateway: str, most: int) -> list[tuple[str | None, int]]:
        """Forget at most so many messages of a gateway, and return them."""
        taken: list[tuple[str | None, int]] = []
        boots = self._answered[gateway]
        for boot, ranges in tuple(boots.items()):
            while ranges and len(taken) < most:
                first, last = ranges.pop(0)
                stop = min(last, first + most - len(taken) - 1)
                taken += ((boot, seq) for seq in range(first, stop + 1))
                if stop < last:
                    ranges.insert(0, (stop + 1, last))
            if not ranges:
                del boots[boot]
        if not boots:
            del self._answered[gateway]
        return taken


def _newest(known: dict[_Key, _Value], key: _Key, new: _Value, most: int) -> _Value:
    """The value of this key, moved to the end; of too many keys the first goes."""
    value = known.pop(key, new)
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]
    return value
