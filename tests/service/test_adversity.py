"""A full disk, a clock that is set, an edit that cannot be judged by: judging goes on."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from domain.entries import EntryKind, Tick
from service import upkeep
from service.recovery import CannotStart
from service.standby import Checkpoint, Standby
from service.ticker import tick
from store.database import Database
from tests.service.stage import batch, refolded, staged, tick_entry, until
from tests.store.conftest import Scene

SECOND = 1_000_000
NOON = 1_772_669_700 * SECOND


def test_a_copy_that_cannot_be_written_stops_neither_storing_nor_trimming(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=0.05) as stage:
            (tmp_path / "standby" / ".checkpoint.new").mkdir(parents=True)
            storing = stage.start_storing()
            begin = stage.journal.first
            async with asyncio.timeout(10):
                while stage.journal.first == begin:
                    await stage.spine.append(tick_entry())
                    await asyncio.sleep(0.02)
            assert not storing.done()
            assert stage.standby.fault is not None
            (tmp_path / "standby" / ".checkpoint.new").rmdir()
            await stage.all_is_checkpointed()
            assert stage.standby.fault is None

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
    assert standby.fault is not None
    assert ".registry.new" in standby.fault
    assert standby.load_registry() is None
