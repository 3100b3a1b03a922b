"""When the fold's state is kept, what is done once the database has it, and how far the journal may go.

Every so often the live fold's state is kept beside an entry; when that entry is committed, its
checkpoint is committed with it. The journal is trimmed only through the checkpoint before, because
the commit itself need not reach the disk at once (docs/decisions/0003-positions-and-epochs.md). Nor
is it trimmed while the copy beside it cannot be written: a start without the database goes on from
that copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from alerting import FoldState
from service.standby import Checkpoint, Standby
from store.journal import Journal

NEARLY_FULL: Final = 0.1
"""A journal with less of its room left than this is trimmed whether or not a copy can be written."""


class Checkpoints:
    """One per process.

    Attributes:
        every_s: how often one is made.
        last: position of the last one that the database is known to have, or None.
        state: of the fold, from where the journal can always be folded again.
    """

    def __init__(
        self,
        journal: Journal,
        standby: Standby,
        *,
        every_s: float,
        keep_journal: bool,
        monotonic: Callable[[], float],
    ) -> None:
        """Args: `keep_journal`: never trim; `monotonic`: s, by a clock that nobody sets."""
        self._journal = journal
        self._standby = standby
        self._keep_journal = keep_journal
        self._monotonic = monotonic
        self._next = float("-inf")
        self.every_s = every_s
        self.last: int | None = None
        self.state: FoldState | None = None

    def is_due(self) -> bool:
        """Once each interval. A clock that is set back would end trimming, so it is none of those."""
        now = self._monotonic()
        if now < self._next:
            return False
        self._next = now + self.every_s
        return True

    def would_trim(self, committed: int) -> bool:
        """Whether the journal holds something that a checkpoint at `committed` helps to trim."""
        return not self._keep_journal and self._journal.first <= committed

    async def confirmed(self, state: FoldState, checkpoint: bytes) -> None:
        """The database has it: renew the copy, and trim the journal through the one before."""
        self.state = state
        copy = Checkpoint(self._journal.id, state.position, checkpoint)
        copied = await asyncio.to_thread(self._standby.save_checkpoint, copy)
        if (
            self.last is not None
            and not self._keep_journal
            and (copied or await self._journal_is_nearly_full())
        ):
            await self._journal.trim(self.last)
        self.last = state.position

    async def _journal_is_nearly_full(self) -> bool:
        space = await self._journal.space()
        return space.free < NEARLY_FULL * (space.used + space.free)
