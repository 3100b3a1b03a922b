"""A full disk, a clock that is set, an edit that cannot be judged by: judging goes on."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path

import pytest

from domain.entries import Entry, EntryKind, Tick
from service import upkeep
from service.recovery import CannotStart
from service.standby import Checkpoint, Standby
from service.ticker import tick
from store.database import Database
from store.journal import JournalFull
from tests.service.stage import Stage, batch, refolded, staged, tick_entry, until
from tests.store.conftest import Scene

SECOND = 1_000_000
NOON = 1_772_669_700 * SECOND


async def checkpoints(stage: Stage, count: int) -> None:
    """Ticks until so many more checkpoints are stored."""
    async with asyncio.timeout(10):
        for _ in range(count):
            before = stage.storer.checkpoints.last
            while stage.storer.checkpoints.last == before:
                await stage.spine.append(tick_entry())
                await asyncio.sleep(0.02)


async def in_the_way(of: Path) -> None:
    """A directory where a file shall be made, between two moments in which it is there."""
    async with asyncio.timeout(10):
        while not of.is_dir():
            with suppress(FileExistsError):
                of.mkdir(parents=True)
            await asyncio.sleep(0)


def test_behind_a_copy_that_cannot_be_written_the_journal_is_kept_and_storing_goes_on(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=0.05) as stage:
            storing = stage.start_storing()
            await checkpoints(stage, 3)
            copy = stage.standby.load_checkpoint()
            assert copy is not None
            await in_the_way(tmp_path / "standby" / ".checkpoint.new")
            await checkpoints(stage, 4)
            assert not storing.done()
            assert stage.journal.first <= copy.position + 1
            assert set(stage.standby.faults) == {"checkpoint"}
            stage.standby.save_registry(b"another file, and well")
            assert set(stage.standby.faults) == {"checkpoint"}
        nowhere = await Database.connect("postgresql://vedette@127.0.0.1:1/vedette")
        (tmp_path / "standby" / ".checkpoint.new").rmdir()
        async with staged(nowhere, tmp_path) as stage:  # the copy still serves
            assert stage.spine.fold.position == stage.journal.last
        await nowhere.close()
        async with staged(database, tmp_path, checkpoint_s=0.05) as stage:
            stage.start_storing()
            await stage.all_is_checkpointed()
            assert stage.standby.faults == {}

    scene(act)


def test_a_nearly_full_journal_is_trimmed_even_past_a_copy_that_cannot_be_written(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, max_bytes=1 << 20) as stage:
            await in_the_way(tmp_path / "standby" / ".checkpoint.new")
            with pytest.raises(JournalFull):
                while True:
                    await stage.journal.append(
                        [Entry(EntryKind.BATCH, batch(*[1.0] * 200).to_bytes())]
                    )
            await stage.spine.replay(stage.spine.fold.position)
            last = stage.journal.last
            stage.start_storing()
            await until(lambda: stage.journal.first > last)
            assert set(stage.standby.faults) == {"checkpoint"}

    scene(act)


def test_a_copy_the_journal_no_longer_reaches_back_to_is_not_gone_on_with(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            stage.start_storing()
            await stage.all_is_checkpointed()
            copy = stage.standby.load_checkpoint()
            assert copy is not None
            await stage.spine.append_batch(batch(80.0))
            await stage.all_is_stored()
            for _ in range(5):
                await stage.spine.append(tick_entry())
            await stage.journal.trim(stage.journal.last - 1)
            stage.standby.save_checkpoint(Checkpoint(copy.journal_id, copy.position, copy.data))
        nowhere = await Database.connect("postgresql://vedette@127.0.0.1:1/vedette")
        with pytest.raises(CannotStart, match="out of date"):
            async with staged(nowhere, tmp_path):
                pass
        await nowhere.close()

    scene(act)


def test_ticks_go_on_at_once_when_the_clock_is_set_back(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            clock = itertools.chain(
                (NOON, NOON + SECOND),
                (NOON - 300 * SECOND + k * SECOND // 4 for k in itertools.count()),
            )
            ticking = asyncio.ensure_future(
                tick(stage.spine, clock=lambda: next(clock), listening=lambda: True)
            )
            stage.tasks.append(ticking)
            await until(lambda: stage.spine.fold.state.listened >= 4 * SECOND)
            entries = await stage.journal.read(0, max_bytes=1 << 20)
            ticks = [Tick.from_bytes(e.payload).now for _, e in entries if e.kind is EntryKind.TICK]
            assert ticks[:4] == [NOON, NOON + SECOND, NOON - 300 * SECOND, NOON - 299 * SECOND]
            assert (await refolded(stage.journal)).position >= stage.spine.fold.position

    scene(act)


def test_upkeep_that_fails_for_a_reason_nobody_thought_of_is_tried_again(
    scene: Scene[None],
) -> None:
    async def act(database: Database) -> None:
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE spine RENAME TO spine_away")
        rolling = asyncio.ensure_future(upkeep.keep_rolled(database, clock=lambda: NOON))
        try:
            await asyncio.sleep(0.5)
            assert not rolling.done()
        finally:
            rolling.cancel()

    scene(act)


def test_a_standby_copy_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    standby = Standby(tmp_path)
    (tmp_path / ".registry.new").mkdir()
    standby.save_registry(b"new")
    assert ".registry.new" in standby.faults["registry"]
    assert standby.load_registry() is None
