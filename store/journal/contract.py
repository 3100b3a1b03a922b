"""What a journal promises, whoever implements it; `tests/store/test_journal_contract.py` holds it.

A journal keeps entries in one order. When `append` returns, its entries survive the death of the
process and of the machine: then, and only then, may a gateway's message be acknowledged. An append
that failed or was cut off may or may not have been kept, so readers must take entries idempotently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from domain.entries import Entry
from domain.readings import Position

EPOCH_SHIFT: Final = 20
"""A journal born at unix second s gives its first entry position s << 20: positions rise over all
journals as long as no journal takes more than a million entries a second of its life, and stay
below 2**53, so a browser can hold them."""


class JournalUnavailable(Exception):
    """The journal could not keep or give entries; nothing was promised. Try again later."""


class JournalFull(JournalUnavailable):
    """No room is left, on the disk or below the journal's own cap."""


class JournalNewer(Exception):
    """The journal was written by a newer version of this program, which alone can read it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes the journal holds, and bytes it can still take before `JournalFull`.

    Attributes:
        astray: it was moved or deleted while in use, and ends with this process.
    """

    used: int
    free: int
    astray: bool = False


class Journal(Protocol):
    """Entries in one order; durable on append; read from anywhere; trimmed from the front."""

    @property
    def id(self) -> str:
        """Made with the journal, never the same for two of them."""

    @property
    def first(self) -> Position:
        """Position of the oldest entry that can be read; `last + 1` when there is none."""

    @property
    def last(self) -> Position:
        """Position of the newest durable entry; `first - 1` when there never was one."""

    async def append(self, entries: Sequence[Entry]) -> Position:
        """Make entries durable, all or none, at consecutive positions.

        Returns:
            The position of the first of them.

        Raises:
            JournalFull: there is no room; earlier entries can still be read and trimmed.
            JournalUnavailable: anything else, closing included.
        """

    async def read(self, after: int, *, max_bytes: int) -> list[tuple[Position, Entry]]:
        """Entries behind position `after`, in order: about `max_bytes` of payload, at least one.

        An empty list means that there is nothing newer.
        """

    async def trim(self, through: int) -> None:
        """Forget entries up to and including `through`: they can no longer be read.

        Their room is given back little by little, while later appends go on.
        """

    async def space(self) -> Space:
        """How much is used and how much is left."""

    async def claims(self) -> list[str]:
        """What every process that stored from this journal called itself, oldest first.

        A copy of the journal goes on with the claims up to then and never learns of later ones:
        that is how one of two copies is found out (`store.recovery.take_claim`).
        """

    async def add_claim(self, claim: str) -> None:
        """Make a claim durable, as the newest; about the newest hundred are kept.

        It needs no room: a full journal takes it.

        Raises:
            JournalUnavailable: it may or may not have been kept.
        """

    async def close(self) -> None:
        """Finish what was begun, refuse what comes later."""
