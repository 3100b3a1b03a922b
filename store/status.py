"""What the database server is: for `vedette doctor` and the health page."""

from __future__ import annotations

from dataclasses import dataclass

from store.database import Database


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """`now` is the server's clock, int64 µs UTC; `timescale` its extension's version or None."""

    version: str
    now: int
    timescale: str | None
    timescale_licence: str | None


async def server_status(database: Database) -> ServerStatus:
    """Ask the server what it is.

    Raises:
        DatabaseUnavailable: it cannot be reached.
    """
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT current_setting('server_version') AS version, clock_timestamp() AS now, "
            "(SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale, "
            "current_setting('timescaledb.license', true) AS timescale_licence"
        )
    return ServerStatus(**row)
