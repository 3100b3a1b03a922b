from __future__ import annotations

import asyncio

import pytest

from store import migrate as migrate_module
from store.database import Database, DatabaseUnavailable
from store.holes import Losses, lies_in_hole, losses
from store.migrate import Migration, MigrationChanged, SchemaNewer, migrate, migrations, pending
from store.storage import NotMigrated, Storage
from tests.store.conftest import Server
from tests.store.stretches import holes


async def fresh(server: Server) -> Database:
    return await Database.connect(await server.make(migrated=False))


def test_migrations_run_once_and_only_what_is_missing(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        assert len(await pending(database)) == len(migrations(Storage.PLAIN))
        done = await migrate(database)
        assert len(done.applied) == done.number == len(migrations(done.storage))
        assert await pending(database) == []
        assert (await migrate(database)).applied == ()
        await database.close()

    asyncio.run(play())


def test_processes_that_start_together_migrate_once(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        done = await asyncio.gather(*(migrate(database) for _ in range(4)))
        assert sorted(len(each.applied) for each in done) == [0, 0, 0, done[0].number]
        await database.close()

    asyncio.run(play())


def test_a_migration_may_take_longer_than_any_statement_of_the_service(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a second process waits for it as long as it takes."""
    known = migrations(Storage.PLAIN)
    slow = Migration(known[-1].number + 1, "later_slow.sql", "SELECT pg_sleep(7)")
    monkeypatch.setattr(migrate_module, "migrations", lambda storage: [*migrations(storage), slow])

    async def play() -> None:
        dsn = await server.make(migrated=False)
        database = await Database.connect(dsn, statement_timeout_s=1)
        await migrate_first(database)
        done = await asyncio.gather(*(migrate(database) for _ in range(2)))
        assert sorted(len(each.applied) for each in done) == [0, 1]
        await database.close()

    async def migrate_first(database: Database) -> None:
        with monkeypatch.context() as plain:
            plain.setattr(migrate_module, "migrations", migrations)
            await migrate(database)

    asyncio.run(play())


def test_holes_and_epochs_from_before_are_told_apart(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        storage = Storage.PLAIN
        async with database.transaction() as connection:
            for each in migrations(storage):
                if each.file != "0009_claim.sql":
                    await connection.execute(each.sql)
            await connection.execute(
                "INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, "
                "reason) VALUES ('a', 3, 5, now(), 'the database refuses it: no'), "
                "('a', 8, 12, now(), 'the journal no longer holds what the database lacks')"
            )
            await connection.execute(
                "INSERT INTO journal_epochs VALUES ('a', now(), 1, 0), ('b', now(), 90, 40)"
            )
            [claim] = [m for m in migrations(storage) if m.file == "0009_claim.sql"]
            await connection.execute(claim.sql)
        found = await holes(database)
        assert [
            (hole["journal_id"], hole["after_position"], hole["next_position"], hole["kind"])
            for hole in found
        ] == [("b", 40, 90, "epoch"), ("a", 8, 12, "lost"), ("a", 3, 5, "set_aside")]
        assert await losses(database, since=0) == Losses(2, found[0]["found_at"], 1)
        for position, lost in (
            (3, False),
            (4, False),
            (8, False),
            (10, True),
            (89, True),
            (90, False),
        ):
            assert await lies_in_hole(database, position) is lost
        await database.close()

    asyncio.run(play())


def test_a_newer_schema_is_refused(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        await migrate(database)
        async with database.connection() as connection:
            await connection.execute("INSERT INTO schema_migrations VALUES (9999, 'later', '')")
        with pytest.raises(SchemaNewer, match="9999"):
            await migrate(database)
        with pytest.raises(SchemaNewer):
            await pending(database)
        await database.close()

    asyncio.run(play())


def test_a_changed_migration_is_refused(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        await migrate(database)
        async with database.connection() as connection:
            await connection.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 2")
        with pytest.raises(MigrationChanged, match="0002_accounts"):
            await migrate(database)
        await database.close()

    asyncio.run(play())


def test_an_empty_database_says_that_it_needs_migrating(server: Server) -> None:
    async def play() -> None:
        database = await fresh(server)
        with pytest.raises(NotMigrated, match="vedette migrate"):
            await database.storage()
        await database.close()

    asyncio.run(play())


def test_a_missing_server_is_unavailable_not_a_crash() -> None:
    async def play() -> None:
        database = await Database.connect(
            "postgresql://vedette@127.0.0.1:1/vedette", connect_timeout_s=1
        )
        assert not database.available
        with pytest.raises(DatabaseUnavailable):
            await migrate(database)
        assert not database.available
        await database.close()

    asyncio.run(play())


@pytest.mark.parametrize("storage", Storage)
def test_every_kind_of_storage_has_the_same_numbers(storage: Storage) -> None:
    numbers = [migration.number for migration in migrations(storage)]
    assert numbers == list(range(1, len(numbers) + 1))
