"""What every function below works on, and how its values cross: times as int64 µs UTC."""

from __future__ import annotations

from typing import Final, TypeAlias

import asyncpg
import msgspec

Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""What `Database.connection` gives; also a connection that somebody else has opened."""

POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01T00:00:00Z, from which PostgreSQL counts."""


def timestamp_to_postgres(time_us: int) -> tuple[int]:
    return (time_us - POSTGRES_EPOCH_US,)


def timestamp_from_postgres(wire: tuple[int]) -> int:
    return wire[0] + POSTGRES_EPOCH_US


async def prepare_connection(connection: Connection) -> None:
    """Set the codecs every function of this package relies on."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=timestamp_to_postgres,
        decoder=timestamp_from_postgres,
        format="tuple",
    )
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
        format="text",
    )
