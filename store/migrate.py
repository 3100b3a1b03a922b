"""Brings the schema up to date: numbered SQL files, each applied once, all in one transaction.

A file is `NNNN_name.sql`, or `NNNN_name.KIND.sql` where the kinds of storage differ (KIND is a
`Storage`; the plain one stands in where a kind has none of its own). What was applied is written
down with its checksum: a file that changed afterwards, or a number this version does not know,
stops everything before anything is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from store.connection import Connection
from store.database import Database
from store.storage import Storage, detect_storage

_LOCK: Final = 0x7665_6465_7474_65  # "vedette"; held for the transaction

_LONGEST_S: Final = 86_400.0
"""A migration may rewrite a table of a year's readings; no shorter time-out may cut it off."""

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    file text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


class SchemaNewer(Exception):
    """A newer version of this program has migrated the database; only that one may use it."""


class MigrationChanged(Exception):
    """A migration that was applied reads differently now; the schema cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    file: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema now stands at `number`; `applied` are the files just run."""

    number: int
    applied: tuple[str, ...]
    storage: Storage


def migrations(storage: Storage) -> list[Migration]:
    """Every migration for a kind of storage, in order."""
    chosen: dict[int, Migration] = {}
    names = sorted(file.name for file in resources.files("store.migrations").iterdir())
    for name in names:
        parts = name.split(".")
        kind = parts[1] if len(parts) == 3 else None
        number = int(name[:4]) if name[:4].isdigit() and parts[-1] == "sql" else None
        if number is None or kind not in {None, Storage.PLAIN, storage}:
            continue
        if kind == Storage.PLAIN and number in chosen:
            continue
        sql = resources.files("store.migrations").joinpath(name).read_text("utf-8")
        chosen[number] = Migration(number, name, sql)
    return [chosen[number] for number in sorted(chosen)]


async def migrate(database: Database) -> Migrated:
    """Apply what is missing. Processes that start together wait for one another.

    Raises:
        SchemaNewer: the database belongs to a newer version.
        MigrationChanged: an applied file has changed since.
        DatabaseUnavailable: it cannot be reached.
    """
    async with database.transaction() as connection:
        # First of all: another process may hold the lock for as long as its migration takes.
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_LONGEST_S)
        await connection.execute(_LEDGER)
        applied = await connection.fetch(
            "SELECT number, file, checksum FROM schema_migrations ORDER BY number"
        )
        storage = await _kind(connection, fresh=not applied)
        known = migrations(storage)
        _check(applied, known)
        missing = known[len(applied) :]
        for migration in missing:
            await connection.execute(migration.sql, timeout=_LONGEST_S)
            await connection.execute(
                "INSERT INTO schema_migrations (number, file, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.file,
                migration.checksum,
            )
        if not applied:
            await connection.execute("INSERT INTO spine (storage) VALUES ($1)", storage.value)
    return Migrated(known[-1].number, tuple(m.file for m in missing), storage)


async def pending(database: Database) -> list[str]:
    """Files that `migrate` would apply now; errors as `migrate`."""
    async with database.connection() as connection:
        try:
            applied = await connection.fetch(
                "SELECT number, file, checksum FROM schema_migrations ORDER BY number"
            )
        except asyncpg.UndefinedTableError:
            return [migration.file for migration in migrations(Storage.PLAIN)]
        known = migrations(await _kind(connection, fresh=not applied))
        _check(applied, known)
    return [migration.file for migration in known[len(applied) :]]


async def _kind(connection: Connection, *, fresh: bool) -> Storage:
    if fresh:
        return await detect_storage(connection)
    return Storage(await connection.fetchval("SELECT storage FROM spine"))


def _check(applied: Sequence[asyncpg.Record], known: Sequence[Migration]) -> None:
    newest = known[-1].number
    for row in applied:
        if row["number"] > newest:
            raise SchemaNewer(
                f"the database is at schema {row['number']} ({row['file']}), this version knows "
                f"up to {newest}; run the newer version, or restore a backup"
            )
    for row, migration in zip(applied, known, strict=False):
        if (row["number"], row["checksum"]) != (migration.number, migration.checksum):
            raise MigrationChanged(
                f"migration {row['file']} was applied with another text than {migration.file} "
                "has now; restore the file as it was"
            )
