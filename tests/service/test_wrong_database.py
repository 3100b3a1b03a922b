"""A data directory and a database that do not belong together are never joined."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.identities import Identities
from service.meeting import EmptiedDatabase
from service.recovery import CannotStart, begin_storing
from service.registration import NoRegistry, Registration
from service.standby import Standby
from store import migrate as migrate_module
from store.database import Database
from store.migrate import Migration, migrate, migrations, pending
from store.storage import Storage
from store.writer import StaleJournal
from tests.service.stage import (
    Stage,
    batch,
    now_us,
    staged,
    tick_entry,
    until,
    unused_for_a_minute,
)
from tests.store.conftest import Scene, Server


async def fed(stage: Stage, *values: float) -> None:
    stage.start_storing()
    for value in values:
        await stage.spine.append_batch(batch(value))
    await stage.all_is_checkpointed()


def test_an_older_copy_of_the_journal_is_refused_and_nothing_more_is_acknowledged_into_it(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "now") as stage:
            await fed(stage, 1.0)
        shutil.copytree(tmp_path / "now", tmp_path / "older")
        async with staged(database, tmp_path / "now") as stage:
            await fed(stage, 2.0, 3.0)
        with pytest.raises(CannotStart, match=r"older copy.*keep it.*put the current one back"):
            async with staged(database, tmp_path / "older"):
                pass
        async with staged(database, tmp_path / "now") as stage:  # the refused one took nothing
            await fed(stage, 4.0)
            assert await stage.rows() == 4

    scene(act)


def test_an_older_journal_under_the_newer_copy_of_its_directory_is_refused(
    scene: Scene[None], tmp_path: Path
) -> None:
    """The journal was copied without its `-wal`: same claims, same directory, fewer entries."""

    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            await fed(stage, 1.0)
            older = stage.journal.last
            await fed_on(stage, 2.0)
        cut(tmp_path / "journal.sqlite", older)
        with pytest.raises(CannotStart, match=rf"ends at {older}"):
            async with staged(database, tmp_path):
                pass

    scene(act)


async def fed_on(stage: Stage, value: float) -> None:
    await stage.spine.append_batch(batch(value))
    await stage.all_is_checkpointed()


def cut(journal: Path, last: int) -> None:
    """As the file was when `last` was its newest entry."""
    with sqlite3.connect(journal) as file:
        file.execute("DELETE FROM entries WHERE position > ?", (last,))
        file.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'entries'", (last,))


@pytest.mark.parametrize("ahead", [0, 50])
def test_of_two_copies_on_one_database_the_first_ends_and_cannot_come_back(
    scene: Scene[None], tmp_path: Path, ahead: int
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "a", checkpoint_s=3600) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await stage.all_is_stored()
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        async with AsyncExitStack() as first, AsyncExitStack() as second:
            a = await first.enter_async_context(staged(database, tmp_path / "a"))
            storing = a.start_storing()
            await a.spine.append_batch(batch(1001.0))
            await a.all_is_stored()
            shutil.rmtree(tmp_path / "b")  # copied while it runs: the very same claims
            shutil.copytree(tmp_path / "a", tmp_path / "b")
            b = await second.enter_async_context(staged(database, tmp_path / "b"))
            b.start_storing()
            await b.spine.append_batch(batch(2001.0))
            await b.all_is_stored()
            await a.spine.append_batch(batch(1002.0))
            with pytest.raises(StaleJournal, match="another copy"):
                await asyncio.wait_for(storing, 10)
            for value in range(1003, 1003 + ahead):  # acknowledged, and kept here only
                await a.spine.append_batch(batch(float(value)))
            await first.aclose()
            await b.spine.append_batch(batch(2002.0))
            await b.all_is_stored()
            with pytest.raises(CannotStart, match=r"another copy.*keep .* not stored"):
                async with staged(database, tmp_path / "a"):
                    pass
            await b.spine.append_batch(batch(2003.0))
            await b.all_is_stored()
            assert await b.rows() == 5

    scene(act)


def test_a_service_that_was_killed_at_any_moment_of_its_claim_starts_again(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        for value in range(4):
            async with staged(database, tmp_path) as stage:
                await stage.journal.add_claim("noted-then-killed")  # the database never heard
                stage.start_storing()
                await stage.spine.append_batch(batch(float(value)))
                await stage.all_is_stored()

    scene(act)


def test_a_database_restored_from_a_backup_knows_an_older_claim_and_is_filled_again(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            await fed(stage, 1.0)
            async with database.connection() as connection:
                claim = await connection.fetchval("SELECT claim FROM spine")
            position = stage.storer.committed
            await fed_on(stage, 2.0)
        for value, restored in ((3.0, claim), (4.0, "one from long ago")):
            async with database.transaction() as backup:
                await backup.execute(
                    "UPDATE spine SET claim = $1, position = $2", restored, position
                )
                await backup.execute("DELETE FROM readings WHERE position > $1", position)
                await backup.execute("TRUNCATE checkpoints, transitions, alarms, outbox")
                await backup.execute("DELETE FROM kept_entries WHERE position > $1", position)
            async with staged(database, tmp_path, keep_journal=True) as stage:
                await fed(stage, value)
                assert stage.storer.fault is None
        async with database.connection() as connection:
            found = await connection.fetch("SELECT value FROM readings ORDER BY value")
        assert [row["value"] for row in found] == [1.0, 2.0, 3.0, 4.0]

    scene(act)


def test_a_known_directory_on_an_empty_database_is_refused_and_its_copy_is_kept(
    server: Server, scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            await fed(stage, 80.0)
            stage.standby.save_registry(b"what is watched")
        empty = await Database.connect(await server.make(migrated=True))
        with pytest.raises(CannotStart, match=r"empty.*VEDETTE_DATABASE_URL.*backup.*move"):
            async with staged(empty, tmp_path):
                pass
        await empty.close()
        assert Standby(tmp_path / "standby").load_registry() == b"what is watched"

    scene(act)


def test_a_journal_with_entries_alone_is_history_enough(
    server: Server, scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path):
            pass
        shutil.rmtree(tmp_path / "standby", ignore_errors=True)
        empty = await Database.connect(await server.make(migrated=True))
        with pytest.raises(CannotStart, match="empty"):
            async with staged(empty, tmp_path):
                pass
        await empty.close()

    scene(act)


def test_without_migrating_a_newer_or_an_older_schema_is_refused(
    server: Server, scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with database.connection() as connection:
            await connection.execute("INSERT INTO schema_migrations VALUES (9999, 'later', '')")
        with pytest.raises(CannotStart, match="run the newer version"):
            async with staged(database, tmp_path):
                pass
        bare = await Database.connect(await server.make(migrated=False))
        with pytest.raises(CannotStart, match="vedette migrate"):
            async with staged(bare, tmp_path):
                pass
        await migrate(bare)
        async with staged(bare, tmp_path) as stage:
            await fed(stage, 1.0)
        await bare.close()

    scene(act)


def test_an_empty_data_directory_does_not_put_out_a_service_that_is_at_work(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "first", age_s=60) as first:
            await fed(first, 1.0)
            await is_refused(database)
            await fed_on(first, 2.0)
            assert await first.rows() == 2
        async with staged(database, tmp_path / "first") as first:  # at once, as after a kill
            await fed(first, 3.0)
        await is_refused(database)
        await unused_for_a_minute(database)
        async with staged(database, tmp_path / "second") as second:  # the first one's host is dead
            await fed(second, 4.0)
            assert await second.rows() == 4

    async def is_refused(database: Database) -> None:
        with pytest.raises(
            CannotStart, match=r"used this database \d+ s ago.*stop the other.*wait 30 s"
        ):
            async with staged(database, tmp_path / "second"):
                pass

    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    scene(act)


def test_a_newer_version_does_not_change_the_schema_under_a_service_at_work(
    scene: Scene[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Migration(migrations(Storage.PLAIN)[-1].number + 1, "later.sql", "CREATE TABLE l ()")

    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "first", age_s=60) as first:
            await fed(first, 1.0)
            monkeypatch.setattr(
                migrate_module, "migrations", lambda storage: [*migrations(storage), later]
            )
            await is_refused(database, "second", r"used this database \d+ s ago")
            await fed_on(first, 2.0)
        await unused_for_a_minute(database)
        async with staged(database, tmp_path / "second", migrate_first=True):
            assert await pending(database) == []  # the first one's host is dead
        async with database.transaction() as older:
            await older.execute("DELETE FROM schema_migrations WHERE file = 'later.sql'")
        await is_refused(database, "first", "took this database over")

    async def is_refused(database: Database, directory: str, why: str) -> None:
        for migrate_first in (True, False):
            with pytest.raises(CannotStart, match=why):
                async with staged(database, tmp_path / directory, migrate_first=migrate_first):
                    pass
        assert await pending(database) == ["later.sql"]

    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    scene(act)


def test_a_service_whose_database_went_to_another_journal_keeps_its_own(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path / "first", age_s=60) as first:
            await fed(first, 1.0)
        await unused_for_a_minute(database)
        async with staged(database, tmp_path / "second") as second:
            await fed(second, 2.0)
        with pytest.raises(CannotStart, match=r"took this database over at 20\d\d-.*keep this"):
            async with staged(database, tmp_path / "first"):
                pass

    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    scene(act)


def test_storing_stops_and_is_said_where_the_database_answers_no(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            storing = stage.start_storing()
            await fed_on(stage, 1.0)
            async with database.connection() as connection:  # a superuser cannot be refused rights
                await connection.execute("ALTER TABLE checkpoints RENAME TO damaged")
            await until_fault(stage)
            await stage.spine.append_batch(batch(80.0))
            await stage.all_is_folded()
            assert len(stage.spine.fold.state.alarms) == 1
            assert not storing.done()
        async with staged(database, tmp_path) as stage:  # the standby copy serves
            storing = stage.start_storing()
            assert len(stage.spine.fold.state.alarms) == 1
            await until(lambda: stage.storer.fault is not None)
            assert not storing.done()
            async with database.connection() as connection:
                await connection.execute("ALTER TABLE damaged RENAME TO checkpoints")
            await stage.all_is_stored()
            await until(lambda: stage.storer.fault is None)

    scene(act)


async def until_fault(stage: Stage) -> None:
    async with asyncio.timeout(10):
        while stage.storer.fault is None:
            await stage.spine.append(tick_entry())
            await asyncio.sleep(0.05)


def test_a_start_takes_registry_and_accounts_from_the_copy_where_the_database_refuses_them(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        standby = Standby(tmp_path)
        await Registration(database, standby, clock=now_us).load_or_copy()
        await Identities(database, standby, clock=now_us).load_or_copy(None)
        async with database.connection() as connection:
            await connection.execute(
                "ALTER TABLE gateways RENAME TO damaged; ALTER TABLE users RENAME TO also_damaged"
            )
        await Registration(database, standby, clock=now_us).load_or_copy()
        identities = Identities(database, standby, clock=now_us)
        await identities.load_or_copy(None)
        assert identities.directory.user("admin") is not None
        with pytest.raises(NoRegistry):
            await Registration(database, Standby(tmp_path / "none"), clock=now_us).load_or_copy()

    scene(act)


def test_a_database_emptied_under_a_running_service_is_a_fault_and_judging_goes_on(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            async with database.connection() as connection:
                known = await connection.fetchval("SELECT journal_id FROM spine")
                await connection.execute("UPDATE spine SET journal_id = NULL")
            storing = stage.start_storing()
            await until(lambda: stage.storer.fault is not None)
            assert "database is empty" in str(stage.storer.fault)
            await stage.spine.append_batch(batch(80.0))
            await stage.all_is_folded()
            assert len(stage.spine.fold.state.alarms) == 1
            assert not storing.done()
            async with database.connection() as connection:  # the backup is put back
                await connection.execute("UPDATE spine SET journal_id = $1", known)
            await stage.all_is_stored()
            await until(lambda: stage.storer.fault is None)
            assert await stage.rows() == 1

    scene(act)


def test_no_table_is_made_in_an_empty_database_that_should_not_be_empty(
    scene: Scene[None], tmp_path: Path
) -> None:
    """The backup that is to be restored there would not go in."""

    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            await stage.spine.append_batch(batch(80.0))
            async with database.connection() as connection:
                await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            for migrate_first in (True, False):
                with pytest.raises(EmptiedDatabase):
                    await begin_storing(
                        stage.journal,
                        database,
                        stage.standby,
                        claim=stage.claim,
                        migrate_first=migrate_first,
                        clock=now_us,
                    )
            async with database.connection() as connection:
                assert await connection.fetchval("SELECT to_regclass('schema_migrations')") is None

    scene(act)
