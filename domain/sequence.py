"""Which messages of a gateway have been taken care of: receipts, gaps, re-deliveries.

A gateway numbers its messages 1, 2, 3, ... until it starts anew with another `boot`. Per boot we
keep the highest number up to which nothing is missing, and what is known above it as ranges. The
last few boots of a gateway are remembered, because a broker may deliver the tail of an earlier one
after the head of the next.

What is forgotten (the lowest range of too many, the boot not heard for longest) is then *not seen*:
its messages may come in twice, which the store ignores by identity. Nothing is ever taken as seen
that was not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np

from domain.readings import MessageColumns

MAX_RANGES: Final = 256
"""Ranges kept above the first gap, per boot."""
MAX_BOOTS: Final = 4
"""Boots remembered per gateway."""
_VERSION: Final = 1

Range = tuple[int, int]
"""First and last `seq`, both included."""


class _Boot(NamedTuple):
    boot: str | None
    through: int
    """Every seq from 1 to this one is settled; 0 for none."""
    above: tuple[Range, ...]
    """Settled beyond the first gap: ascending, neither touching nor overlapping."""


class SequenceTracker:
    """Per gateway number: which (boot, seq) are durable or were answered as rejected.

    `boot` is None for a gateway that numbers its messages without naming its boot.
    """

    __slots__ = ("_gateways",)

    def __init__(self) -> None:
        self._gateways: dict[int, tuple[_Boot, ...]] = {}  # the boot heard last is the last

    def copy(self) -> SequenceTracker:
        """An independent tracker in the same state; costs one small dict copy."""
        other = SequenceTracker()
        other._gateways = self._gateways.copy()
        return other

    def seen(self, gateway: int, boot: str | None, seq: int) -> bool:
        """Whether this message is settled already, so that another delivery can be dropped."""
        known = self._find(gateway, boot)
        if known is None:
            return False
        return seq <= known.through or any(a <= seq <= b for a, b in known.above)

    def apply(self, messages: MessageColumns) -> set[tuple[int, str | None]]:
        """Settle all messages of a batch that has become durable; those without `seq` pass.

        Returns:
            Every (gateway, boot) of which something was settled: who is owed a receipt.
        """
        touched: set[tuple[int, str | None]] = set()
        rows = np.flatnonzero(messages.sequence > 0)
        if not len(rows):
            return touched
        # Runs of consecutive numbers are settled at once; a gateway's own order is kept.
        rows = rows[np.argsort(messages.gateway[rows], kind="stable")]
        gateway, boot = messages.gateway[rows], messages.boot[rows]
        sequence = messages.sequence[rows]
        breaks = (np.diff(gateway) != 0) | (np.diff(boot) != 0) | (np.diff(sequence) != 1)
        first = np.concatenate(([0], np.flatnonzero(breaks) + 1))
        last = np.append(first[1:] - 1, len(rows) - 1)
        boots = (*messages.boots, None)  # index -1, no boot, is the last place
        for number, index, low, high in zip(
            gateway[first].tolist(),
            boot[first].tolist(),
            sequence[first].tolist(),
            sequence[last].tolist(),
            strict=True,
        ):
            self._settle(number, boots[index], low, high)
            touched.add((number, boots[index]))
        return touched

    def boots(self, gateway: int) -> tuple[str | None, ...]:
        """The boots that are remembered of a gateway, the one heard last first."""
        return tuple(known.boot for known in reversed(self._gateways.get(gateway, ())))

    def through(self, gateway: int, boot: str | None) -> int | None:
        """The receipt of a boot: the seq up to which nothing of it is missing.

        None while no message of this boot is known.
        """
        known = self._find(gateway, boot)
        return None if known is None else known.through

    def after(self, gateway: int, boot: str | None) -> int:
        """One above the highest known seq of a boot; gaps below it are passed over."""
        known = self._find(gateway, boot)
        if known is None:
            return 1
        return (known.above[-1][1] if known.above else known.through) + 1

    def stored(self, gateway: int) -> tuple[str | None, int] | None:
        """The boot heard last, and the seq up to which nothing of it is missing.

        None while the gateway has sent no message with a seq.
        """
        boots = self._gateways.get(gateway)
        return (boots[-1].boot, boots[-1].through) if boots else None

    def missing(self, gateway: int) -> tuple[Range, ...]:
        """The gaps of the boot heard last below its highest known seq, ascending."""
        boots = self._gateways.get(gateway)
        if not boots:
            return ()
        gaps: list[Range] = []
        before = boots[-1].through
        for first, last in boots[-1].above:
            gaps.append((before + 1, first - 1))
            before = last
        return tuple(gaps)

    def to_bytes(self) -> bytes:
        """The whole state; equal states give equal bytes."""
        return msgspec.msgpack.encode((_VERSION, sorted(self._gateways.items())))

    @classmethod
    def from_bytes(cls, payload: bytes) -> SequenceTracker:
        """The tracker that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are not such a state, or of a version this program knows.
        """
        try:
            version, gateways = msgspec.msgpack.decode(payload, type=tuple[int, msgspec.Raw])
            if version != _VERSION:
                raise ValueError(f"sequences of version {version}; this program reads {_VERSION}")
            rows = msgspec.msgpack.decode(gateways, type=list[tuple[int, tuple[_Boot, ...]]])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"sequences of gateways: {error}") from error
        tracker = cls()
        tracker._gateways = dict(rows)
        return tracker

    def _find(self, gateway: int, boot: str | None) -> _Boot | None:
        for known in self._gateways.get(gateway, ()):
            if known.boot == boot:
                return known
        return None

    def _settle(self, gateway: int, boot: str | None, first: int, last: int) -> None:
        boots = self._gateways.get(gateway, ())
        if boots and boots[-1].boot == boot:  # nearly always the one heard last
            self._gateways[gateway] = (*boots[:-1], _with_range(boots[-1], first, last))
            return
        known = self._find(gateway, boot) or _Boot(boot, 0, ())
        others = tuple(other for other in boots if other.boot != boot)
        settled = _with_range(known, first, last)
        self._gateways[gateway] = (*others[-(MAX_BOOTS - 1) :], settled)


def _with_range(known: _Boot, first: int, last: int) -> _Boot:
    boot, through, above = known
    if first <= through + 1 and not above:
        return _Boot(boot, max(through, last), above)
    merged: list[Range] = []
    for a, b in above:
        if b + 1 < first or last + 1 < a:
            merged.append((a, b))
        else:
            first, last = min(first, a), max(last, b)
    merged.append((first, last))
    merged.sort()
    if merged[0][0] <= through + 1:
        through = max(through, merged.pop(0)[1])
    return _Boot(boot, through, tuple(merged[-MAX_RANGES:]))
