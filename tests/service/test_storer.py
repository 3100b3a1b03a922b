"""The storer: whatever the database does, it gets everything once and in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from domain.entries import Entry, EntryKind
from service import store_queue
from store.database import Database
from store.journal import JournalFull
from tests.service.stage import batch, staged, tick_entry, until
from tests.service.test_refused_stretch import refuse
from tests.store.conftest import Scene


def test_what_is_folded_is_stored_and_checkpointed(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            for value in (1.0, 80.0, 2.0):
                await stage.spine.append_batch(batch(value))
            await stage.all_is_stored()
            assert await stage.rows() == 3
            await stage.all_is_checkpointed()
            copy = stage.standby.load_checkpoint()
            assert copy is not None
            assert copy.journal_id == stage.journal.id
            assert stage.storer.fault is None

    scene(act)


def test_a_stop_leaves_a_checkpoint_behind_everything(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=600) as stage:
            stage.start_storing()
            for value in (1.0, 80.0, 2.0):
                await stage.spine.append_batch(batch(value))
            async with asyncio.timeout(10):
                await stage.storer.drained()
            copy = stage.standby.load_checkpoint()
            assert copy is not None
            assert copy.position == stage.journal.last == stage.spine.fold.position

    scene(act)


def test_a_queue_that_is_full_is_given_up_and_the_journal_gives_everything(
    scene: Scene[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_queue, "QUEUE_ENTRIES", 5)

    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.all_is_stored()
            async with database.transaction() as slow:
                await slow.execute("LOCK TABLE spine IN ACCESS EXCLUSIVE MODE")
                for n in range(40):
                    await stage.spine.append_batch(batch(float(n)))
                await until(lambda: stage.storer.behind)
                assert len(stage.storer._queue) <= 5
            await stage.all_is_stored()
            await until(lambda: not stage.storer.behind)
            assert await stage.rows() == 40

    scene(act)


def test_entries_that_come_while_it_catches_up_are_stored_once(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            for n in range(50):
                await stage.spine.append_batch(batch(float(n)))
            stage.start_storing()
            for n in range(50):
                await stage.spine.append_batch(batch(float(n)))
                await asyncio.sleep(0.002)
            await stage.all_is_stored()
            assert await stage.rows() == 100

    scene(act)


def test_a_cut_connection_is_a_fault_for_a_moment_and_nothing_is_lost(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with database.connection() as connection:
            name = await connection.fetchval("SELECT current_database()")
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            cut = asyncio.ensure_future(_cut_now_and_then(database, str(name)))
            for n in range(60):
                await stage.spine.append_batch(batch(float(n)))
                await asyncio.sleep(0.01)
            await cut
            await stage.all_is_stored()
            assert stage.storer.fault is None
            assert await stage.rows() == 60

    scene(act)


async def _cut_now_and_then(database: Database, name: str) -> None:
    for _ in range(3):
        await asyncio.sleep(0.15)
        try:
            async with database.connection() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = $1 AND pid <> pg_backend_pid()",
                    name,
                )
        except asyncpg.PostgresError:
            pass


def test_a_database_that_lost_commits_in_a_crash_is_asked_anew_and_filled_up(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, checkpoint_s=600) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await stage.all_is_stored()
            before = stage.storer.committed
            await stage.spine.append_batch(batch(2.0))
            await stage.all_is_stored()
            async with database.transaction() as crash:  # takes the last commit back
                await crash.execute("DELETE FROM readings WHERE position > $1", before)
                await crash.execute("UPDATE spine SET position = $1", before)
            await stage.spine.append_batch(batch(3.0))
            await stage.all_is_stored()
            assert await stage.rows() == 3

    scene(act)


def test_the_journal_is_trimmed_behind_checkpoints_only(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            first = stage.journal.first
            stage.start_storing()
            async with asyncio.timeout(10):
                while stage.journal.first == first:
                    await stage.spine.append(tick_entry())
                    await asyncio.sleep(0.02)
            async with database.connection() as connection:
                kept = await connection.fetchval("SELECT max(position) FROM checkpoints")
            assert stage.journal.first <= kept

    scene(act)


def test_a_full_journal_is_emptied_once_all_of_it_is_stored(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, max_bytes=1 << 20) as stage:
            kept = 0
            with pytest.raises(JournalFull):
                while True:
                    await stage.journal.append(
                        [Entry(EntryKind.BATCH, batch(*[1.0] * 2000).to_bytes())]
                    )
                    kept += 2000
            await stage.spine.replay(stage.spine.fold.position)
            last = stage.journal.last
            stage.start_storing()
            await until(lambda: stage.journal.first > last)
            await stage.spine.append_batch(batch(2.0))
            await stage.all_is_stored()
            assert await stage.rows() > 1

    scene(act)


def test_a_journal_that_is_kept_for_audits_is_not_trimmed(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True, checkpoint_s=0.02) as stage:
            first = stage.journal.first
            stage.start_storing()
            for _ in range(3):
                await stage.spine.append(tick_entry())
                await stage.all_is_checkpointed()
            assert stage.journal.first == first

    scene(act)


def test_after_a_restart_what_was_stored_is_not_stored_again(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(80.0))
            await stage.all_is_checkpointed()
            await stage.spine.append_batch(batch(81.0))
            await stage.all_is_stored()
            await stage.spine.append_batch(batch(5.0))
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(6.0))
            await stage.all_is_stored()
            assert await stage.rows() == 4
            async with database.connection() as connection:
                [alarm] = await connection.fetch("SELECT * FROM alarms")
            assert alarm["sensor"] == 1

    scene(act)


def test_what_was_lost_and_what_was_set_aside_is_counted_from_the_start_on(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        await refuse(database, "readings", "NEW.value = 66", "23514")  # as a constraint would
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, "
                "reason, kind) VALUES ('before', 1, 9, now(), 'x', 'lost'), "
                "('long before', 1, 9, now() - interval '31 days', 'x', 'lost')"
            )
        for times in (1, 2):
            async with staged(database, tmp_path) as stage:
                stage.start_storing()
                await stage.all_is_stored()
                assert stage.storer.losses.holes == 1
                assert stage.storer.losses.newest_hole_at is not None
                assert stage.storer.losses.set_aside == times - 1
                await stage.spine.append_batch(batch(66.0))
                await stage.all_is_stored()
                await until(lambda: stage.storer.losses.set_aside == times)  # noqa: B023 - awaited

    scene(act)
