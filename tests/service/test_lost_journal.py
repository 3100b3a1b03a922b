"""A journal is lost, or the database is set back: what the fold never learns of is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.feed import Key
from service.storer import TwoHistories
from store.alarms import AlarmFilter, get_alarm, list_alarms, timeline
from store.database import Database
from store.scope import ALL
from tests.service.stage import Stage, batch, staged, tick_entry, unused_for_a_minute
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
    [alarm] = await list_alarms(database, ALL, AlarmFilter(state="open"))
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
        await unused_for_a_minute(database)
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


async def told_to_start_over(stage: Stage, after: Key) -> bool:
    """Whether a screen that saw this id last is; else the first it hears is a newer event."""
    stream = stage.feed.subscribe(after)
    try:
        async with asyncio.timeout(5):
            event = await anext(stream)
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    assert event is None or (event.position, event.ordinal) > after
    return event is None


async def two_alarms_around_a_checkpoint(stage: Stage) -> tuple[Key, Key]:
    """Ids of two alarms that were stored and shown; a checkpoint lies between them."""
    stage.start_storing()
    ids: list[Key] = []
    for sensor in (1, 2):
        await stage.spine.append_batch(batch(80.0, sensor=sensor))
        await stage.all_is_stored()
        [alarm] = [a for a in stage.spine.fold.state.alarms.values() if a.sensor == sensor]
        ids.append((alarm.position, alarm.ordinal))
        await stage.all_is_checkpointed()
    return ids[0], ids[1]


@pytest.mark.parametrize("how", ["new journal", "cut journal"])
def test_only_a_screen_that_stood_in_the_lost_stretch_is_told_to_start_over(
    scene: Scene[None], tmp_path: Path, how: str
) -> None:
    new = tmp_path / ("new" if how == "new journal" else "lost")

    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "lost", age_s=60, keep_journal=True) as stage:
            before, known = await two_alarms_around_a_checkpoint(stage)
            end = stage.storer.committed
            stage.tasks.pop().cancel()  # what comes now is judged and shown, and stored by nobody
            await stage.spine.append_batch(batch(80.0, sensor=3))
            await stage.all_is_folded()
            [alarm] = [a for a in stage.spine.fold.state.alarms.values() if a.sensor == 3]
            lost = (alarm.position, alarm.ordinal)
            assert lost[0] > end
            for _ in range(3):
                await stage.spine.append(tick_entry())
            if how == "cut journal":
                await stage.journal.trim(stage.journal.last - 1)
        await unused_for_a_minute(database)
        behind: Key | None = None
        for restart in range(3):
            async with staged(database, new) as stage:
                stage.start_storing()
                await stage.spine.append_batch(batch(90.0, sensor=4 if restart < 2 else 5))
                if restart == 1:  # something newer than what a screen saw last
                    await stage.spine.append_batch(batch(1.0, sensor=4))
                await stage.all_is_checkpointed()
                assert not await told_to_start_over(stage, before)
                assert not await told_to_start_over(stage, known)
                assert await told_to_start_over(stage, lost)
                if behind is not None:
                    assert not await told_to_start_over(stage, behind)
                [alarm] = [a for a in stage.spine.fold.state.alarms.values() if a.sensor in (4, 5)][
                    :1
                ]
                behind = behind or (alarm.position, alarm.ordinal)
                assert await told_to_start_over(stage, (stage.journal.last + 1000, 0))

    (tmp_path / "lost").mkdir()
    (tmp_path / "new").mkdir()
    scene(act)
