"""The journal: everything the fold depends on, durable and in one order, before anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from store.journal.contract import (
    EPOCH_SHIFT,
    Journal,
    JournalFull,
    JournalNewer,
    JournalUnavailable,
    Space,
)
from store.journal.sqlite import SqliteJournal

__all__ = [
    "EPOCH_SHIFT",
    "Journal",
    "JournalFull",
    "JournalNewer",
    "JournalUnavailable",
    "Space",
    "SqliteJournal",
    "open_journal",
]

DEFAULT_MAX_BYTES: Final = 8 << 30
"""Cap of a journal on disk: at 2,000 readings/s about a day and a half of an absent database."""


async def open_journal(
    url: str, *, now_s: int, after: int = 0, max_bytes: int = DEFAULT_MAX_BYTES
) -> Journal:
    """Open the journal at `url`, or make it.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute.db`.
        now_s: Unix seconds; a new journal's positions start from it.
        after: Highest position known to have been given by any earlier journal (0: none): a new
            journal starts behind it even where the clock was set back.
        max_bytes: Cap of the journal's file.

    Raises:
        ValueError: the URL names no journal this version knows.
        JournalNewer: the journal belongs to a newer version.
        JournalUnavailable: it cannot be opened, or another process has it open.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        message = f"journal URL {url!r} is not of the form sqlite:///PATH"
        raise ValueError(message)
    path = Path(unquote(parts.path[1:]))
    return await SqliteJournal.open(path, now_s=now_s, after=after, max_bytes=max_bytes)
