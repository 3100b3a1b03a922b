"""A journal is lost, or the database is set back: what the fold never learns of is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.storer import TwoHistories
from store.alarms import get_alarm, open_alarms, timeline
from store.database import Database
from store.scope import ALL
from tests.service.stage import Stage, batch, staged, tick_entry
from tests.store.conftest import Scene


async def raised_behind_the_only_checkpoint(stage: Stage) -> str:
    """The first commit carries a checkpoint, the alarm comes after it."""
    stage.start_storing()
    await stage.all_is_checkpointed()
    await stage.spine.append_batch(batch(80.0))
    await stage.all_is_stored()
    [alarm] = stage.spine.fold.state.alarms.values()
    return alarm.id


async def the_next_alarm_is_the_only_open_one(stage: Stage, database: Database, lost: str) -> None:
    storing = stage.start_storing()
    assert stage.spine.fold.state.alarms == {}
    await stage.spine.append_batch(batch(90.0))
    await stage.all_is_stored()
    assert not storing.done()
    [alarm] = await open_alarms(database)
    assert alarm == next(iter(stage.spine.fold.state.alarms.values()))
    assert alarm.id != lost
    ended = await get_alarm(database, ALL, lost)
    assert ended is not None
    assert ended.state == "normal"
    history = await timeline(database, ALL, lost)
    assert [event.transition.event for event in history] == ["raise", "lost"]
    assert history[-1].position == ended.position == stage.journal.first - 1


def test_an_alarm_that_only_a_lost_journal_knew_does_not_block_the_next_one(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "lost", age_s=60, checkpoint_s=3600) as stage:
            lost = await raised_behind_the_only_checkpoint(stage)
        async with staged(database, tmp_path / "new") as stage:
            await the_next_alarm_is_the_only_open_one(stage, database, lost)

    scene(act)


def test_a_database_set_back_under_a_running_service_makes_it_begin_again(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=0.05) as stage:
            storing = stage.start_storing()
            await stage.spine.append_batch(batch(80.0))
            begin = stage.journal.first
            async with asyncio.timeout(10):
                while stage.journal.first == begin:
                    await stage.spine.append(tick_entry())
                    await asyncio.sleep(0.02)
            async with database.transaction() as old:  # a backup from before the first entry
                await old.execute(
                    f"UPDATE spine SET position = {begin - 1}; TRUNCATE checkpoints, transitions, "
                    "alarms, readings, outbox, kept_entries"
                )
            await stage.spine.append(tick_entry())
            with pytest.raises(TwoHistories, match="the journal begins at"):
                await asyncio.wait_for(storing, 10)
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(90.0))
            await stage.all_is_stored()
            assert stage.storer.fault is None

    scene(act)


def test_an_alarm_that_only_a_hole_knew_does_not_block_the_next_one(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=3600, keep_journal=True) as stage:
            lost = await raised_behind_the_only_checkpoint(stage)
            await stage.spine.append(tick_entry())
            await stage.spine.append(tick_entry())
            await stage.journal.trim(stage.journal.last - 1)
        async with staged(database, tmp_path, checkpoint_s=3600) as stage:
            await the_next_alarm_is_the_only_open_one(stage, database, lost)

    scene(act)
