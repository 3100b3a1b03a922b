"""How readings are kept in this database: plain partitions, or TimescaleDB in one of its editions.

Found out once, at the first migration, and written down there: a database stays what it was made
as, even when the extension is installed beside it later.
"""

from __future__ import annotations

from enum import StrEnum

import asyncpg

from store.connection import Connection


class Storage(StrEnum):
    PLAIN = "plain"
    """Range partitions, our own roll-ups and retention."""
    APACHE = "timescale_apache"
    """TimescaleDB's Apache edition: hypertables; roll-ups and retention are ours."""
    COMMUNITY = "timescale_community"
    """TimescaleDB's community (TSL) edition: hypertables, compression, continuous aggregates and
    policies."""

    @property
    def hypertables(self) -> bool:
        return self is not Storage.PLAIN

    @property
    def policies(self) -> bool:
        """The server rolls up, compresses and forgets by itself."""
        return self is Storage.COMMUNITY


async def detect_storage(connection: Connection) -> Storage:
    """What this server offers; makes the extension where it is loaded but not yet created."""
    # An ordinary role may not read shared_preload_libraries; the loader's own setting tells.
    if (
        await connection.fetchval("SELECT current_setting('timescaledb.disable_load', true)")
        is None
    ):
        return Storage.PLAIN
    await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    licence = await connection.fetchval("SELECT current_setting('timescaledb.license', true)")
    return Storage.APACHE if licence == "apache" else Storage.COMMUNITY


async def read_storage(connection: Connection) -> Storage:
    """What migration wrote down.

    Raises:
        store.migrate.NotMigrated: nothing yet; run the migrations first.
    """
    try:
        return Storage(await connection.fetchval("SELECT storage FROM spine"))
    except (asyncpg.UndefinedTableError, ValueError) as error:
        raise NotMigrated("the database has no schema yet; run `vedette migrate`") from error


class NotMigrated(Exception):
    """The database lacks the schema this version needs."""
