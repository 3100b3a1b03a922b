"""The disk fails after it has written: what the journal kept is folded, though it was refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.entries import Entry
from domain.readings import Position
from store.database import Database
from store.journal import JournalUnavailable, SqliteJournal
from tests.service.stage import batch, refolded, staged
from tests.store.conftest import Scene


def test_an_entry_that_was_refused_but_kept_is_folded_live_as_in_every_other_fold(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            stage.start_storing()
            await stage.all_is_stored()
            assert isinstance(stage.journal, SqliteJournal)
            file = stage.journal._file
            real = file.append

            def fail_afterwards(entries: Sequence[Entry], *, trim_through: int) -> Position:
                real(entries, trim_through=trim_through)
                raise sqlite3.OperationalError("disk I/O error")

            file.append = fail_afterwards  # type: ignore[method-assign]
            leak = batch(80.0)
            with pytest.raises(JournalUnavailable):
                await stage.spine.append_batch(leak)
            file.append = real  # type: ignore[method-assign]
            await stage.spine.append_batch(leak)
            await stage.all_is_stored()
            other = await refolded(stage.journal)
            assert stage.spine.fold.state.alarms == other.state.alarms
            assert stage.spine.fold.checkpoint() == other.checkpoint()
            assert await stage.rows() == 1

    scene(act)
