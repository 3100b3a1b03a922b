"""Where a start begins: the database, the copy, a new epoch, a hole, or a clear refusal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from alerting import Fold
from service.recovery import (
    CannotStart,
    StoreStart,
    begin_storing,
    recover_fold,
)
from service.standby import Checkpoint, Standby
from store.database import Database
from store.journal import Journal, open_journal
from store.writer import Commit, commit
from tests.service.stage import batch, now_us, staged, tick_entry, unused_for_a_minute
from tests.store.conftest import Scene
from tests.store.stretches import holes

CLAIM = "this-process"
NOWHERE = "postgresql://vedette@127.0.0.1:1/vedette"


async def journal_at(place: Path, *, now_s: int | None = None) -> Journal:
    return await open_journal(
        f"sqlite:///{place}/journal.sqlite", now_s=int(time.time()) if now_s is None else now_s
    )


async def recovered(journal: Journal, database: Database, place: Path) -> Fold:
    return await recover_fold(
        journal,
        database,
        Standby(place / "standby"),
        claim=CLAIM,
        migrate_first=False,
        wait_s=0,
        clock=now_us,
    )


async def met(journal: Journal, database: Database, place: Path) -> StoreStart:
    return await begin_storing(
        journal,
        database,
        Standby(place / "standby"),
        claim=CLAIM,
        migrate_first=False,
        clock=now_us,
    )


def away(place: Path, journal_id: str | None = None, data: bytes | None = None) -> None:
    """Try to start without a database, with a copy if one is given."""

    async def act() -> Fold:
        journal, database = await journal_at(place), await Database.connect(NOWHERE)
        try:
            if data is not None:
                standby = Standby(place / "standby")
                standby.save_checkpoint(Checkpoint(journal_id or journal.id, journal.last, data))
            return await recovered(journal, database, place)
        finally:
            await database.close()
            await journal.close()

    asyncio.run(act())


def test_without_database_and_without_copy_the_start_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"first start.*VEDETTE_DATABASE_URL"):
        away(tmp_path)


def test_without_database_the_copy_of_this_journal_serves(tmp_path: Path) -> None:
    away(tmp_path, data=Fold.empty().checkpoint())


def test_the_copy_of_another_journal_serves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no copy to work from"):
        away(tmp_path, journal_id="another", data=Fold.empty().checkpoint())


def test_a_copy_whose_state_is_damaged_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"standby copy's checkpoint .*run the version"):
        away(tmp_path, data=Fold.empty().checkpoint()[:-1])


def test_a_torn_copy_is_passed_over_while_the_database_answers(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        Standby(tmp_path / "standby")
        (tmp_path / "standby" / "checkpoint").write_bytes(b"torn")
        journal = await journal_at(tmp_path)
        try:
            assert (await recovered(journal, database, tmp_path)).position == 0
        finally:
            await journal.close()

    scene(act)


def test_a_start_goes_on_from_the_database_s_checkpoint(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(80.0))
            await stage.all_is_checkpointed()
        journal = await journal_at(tmp_path)
        try:
            fold = await recovered(journal, database, tmp_path / "no copy here")
            assert fold.position > 0
            [alarm] = fold.state.alarms.values()
            assert alarm.sensor == 1
        finally:
            await journal.close()

    scene(act)


def test_a_lost_journal_opens_an_epoch_and_positions_never_repeat(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "lost", age_s=60) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await stage.all_is_stored()
            before = stage.storer.committed
        await unused_for_a_minute(database)
        async with staged(database, tmp_path / "new") as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(2.0))
            await stage.all_is_stored()
            assert stage.storer.committed > before
            assert await stage.rows() == 2
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM journal_epochs") == 2

    (tmp_path / "lost").mkdir()
    (tmp_path / "new").mkdir()
    scene(act)


def test_a_journal_whose_positions_lie_behind_the_stored_ones_is_refused(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        now_s = int(time.time())
        first = await journal_at(tmp_path / "first", now_s=now_s)
        await met(first, database, tmp_path)
        await commit(database, Commit(first.id, 0, first.first + 5, claim=CLAIM))
        await first.close()
        second = await journal_at(tmp_path / "second", now_s=now_s - 3600)
        try:
            with pytest.raises(CannotStart, match=r"never repeat.*clock.* move the journal away"):
                await met(second, database, tmp_path)
        finally:
            await second.close()

    scene(act)


def test_what_the_journal_no_longer_has_and_the_database_lacks_is_recorded_as_a_hole(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        journal = await journal_at(tmp_path)
        try:
            await met(journal, database, tmp_path)
            for _ in range(10):
                await journal.append([tick_entry()])
            await commit(database, Commit(journal.id, 0, journal.first, claim=CLAIM))
            first = journal.first
            await journal.trim(first + 4)
            for _ in range(2):  # found twice, recorded once
                await met(journal, database, tmp_path)
            [hole] = await holes(database)
            assert hole["journal_id"] == journal.id
            assert (hole["after_position"], hole["next_position"]) == (first, first + 5)
        finally:
            await journal.close()

    scene(act)


def test_the_storer_goes_on_where_the_database_stands(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        journal = await journal_at(tmp_path)
        try:
            await met(journal, database, tmp_path)
            await journal.append([tick_entry()])
            await commit(database, Commit(journal.id, 0, journal.last, claim=CLAIM))
            start = await met(journal, database, tmp_path)
            assert start.committed == journal.last
            assert start.state.position == 0  # without a checkpoint everything is folded again
            assert start.previous_checkpoint is None
        finally:
            await journal.close()

    scene(act)
