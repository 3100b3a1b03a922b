from __future__ import annotations

import asyncio

import pytest

from store.database import Database, DatabaseUnavailable
from store.migrate import MigrationChanged, SchemaNewer, migrate, migrations, pending
from store.storage import NotMigrated, Storage
from tests.store.conftest import Server


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
        assert not await database.ping()
        with pytest.raises(DatabaseUnavailable):
            await migrate(database)
        await database.close()

    asyncio.run(play())


@pytest.mark.parametrize("storage", Storage)
def test_every_kind_of_storage_has_the_same_numbers(storage: Storage) -> None:
    numbers = [migration.number for migration in migrations(storage)]
    assert numbers == list(range(1, len(numbers) + 1))
