"""How fast can fresh rows be committed, and by which path? One claim of docs/decisions/0002.

    python benchmarks/bench_write.py [--dsn postgresql://...] [--rows N] [--seconds S]
    python benchmarks/bench_write.py --roll 120000

Without --dsn it starts the embedded PostgreSQL with the settings of `vedette demo` in a temporary
directory; --dsn names an empty database, whose storage is what migration finds there (TimescaleDB
included). Every variant commits batches of the given sizes, one after another, each in one
transaction with the guard row, from 10,000 sensors whose clocks advance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alerting.outcome import Verdict
from domain.readings import NO_SEQUENCE, NO_TIME, MessageColumns, ReadingBatch
from service.embedded.postgres import PostgresServer
from store.database import Database
from store.late import merge_rows
from store.migrate import migrate
from store.packing import COLUMNS, Rows, kept_rows
from store.rollups import roll
from store.writer import Commit, commit, make_room, open_epoch

JOURNAL = "bench"
T0 = 1_790_000_000_000_000
START = 1_790_000_000 << 20
SENSORS = 10_000
PER_MESSAGE = 20


def batch_of(number: int, rows: int, *, fresh: bool) -> tuple[ReadingBatch, Verdict]:
    """Rows of consecutive sensors; each sensor reports once in 5 s of event time."""
    order = np.arange(number * rows, (number + 1) * rows, dtype=np.int64)
    messages = -(-rows // PER_MESSAGE)
    ts = T0 + order * 500
    columns = MessageColumns(
        gateway=np.arange(messages, dtype=np.int32) % 500,
        received=ts[::PER_MESSAGE] + 1000,
        sent=np.full(messages, NO_TIME, np.int64),
        sequence=np.full(messages, NO_SEQUENCE, np.int64),
        boot=np.full(messages, -1, np.int32),
        backfill=np.zeros(messages, np.bool_),
    )
    batch = ReadingBatch(
        messages=columns,
        message=(np.arange(rows) // PER_MESSAGE).astype(np.int32),
        sensor=(order % SENSORS).astype(np.int32),
        time=ts,
        value=np.sin(order.astype(np.float64)) * 20 + 20,
        quality=np.zeros(rows, np.uint8),
        reason=np.zeros(rows, np.uint16),
    )
    everything = np.ones(rows, np.bool_)
    verdict = Verdict(
        quality=batch.quality,
        reason=batch.reason,
        kept=everything,
        live=everything,
        fresh=everything if fresh else ~everything,
        age=np.zeros(rows, np.int64),
    )
    return batch, verdict


Variant = Callable[[Database, int, Any], Awaitable[None]]


async def commit_fast(database: Database, number: int, made: Any) -> None:
    """The product's own path, everything included."""
    position = START + number
    after = position - 1 if number else 0
    await commit(database, Commit(JOURNAL, after, position, [(position, *made)]))


async def in_transaction(
    database: Database, number: int, made: Any, write: Callable[[Any, Rows], Awaitable[None]]
) -> None:
    rows = kept_rows([(START + number, *made)])
    async with database.connection() as connection:
        await make_room(database, connection, rows)
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.fetch("SELECT position FROM spine FOR UPDATE")
            await write(connection, rows)
            await connection.execute("UPDATE spine SET position = $1", START + number)


async def copy(database: Database, number: int, made: Any) -> None:
    """COPY alone: what the product's path costs on top of this is its price for everything else."""

    async def write(connection: Any, rows: Rows) -> None:
        await connection.copy_to_table(
            "readings", source=rows.stream(), columns=COLUMNS, format="binary"
        )

    await in_transaction(database, number, made, write)


async def staging(database: Database, number: int, made: Any) -> None:
    """COPY into a temporary table, INSERT ... ON CONFLICT DO NOTHING."""

    async def write(connection: Any, rows: Rows) -> None:
        await connection.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS bench_staging "
            "(LIKE readings) ON COMMIT DELETE ROWS"
        )
        await connection.copy_to_table(
            "bench_staging", source=rows.stream(), columns=COLUMNS, format="binary"
        )
        await connection.execute(
            "INSERT INTO readings SELECT * FROM bench_staging ON CONFLICT DO NOTHING"
        )

    await in_transaction(database, number, made, write)


async def merge(database: Database, number: int, made: Any) -> None:
    """The product's path for late rows: chains of versions through a temporary table."""

    async def write(connection: Any, rows: Rows) -> None:
        await merge_rows(connection, rows)

    await in_transaction(database, number, made, write)


async def unnest(database: Database, number: int, made: Any) -> None:
    """INSERT ... SELECT FROM unnest(arrays) ON CONFLICT DO NOTHING."""

    async def write(connection: Any, rows: Rows) -> None:
        await connection.execute(
            "INSERT INTO readings SELECT * FROM unnest($1::timestamptz[], $2::int[], "
            "$3::smallint[], $4::smallint[], $5::float8[], $6::timestamptz[], $7::bigint[]) "
            "ON CONFLICT DO NOTHING",
            *(getattr(rows, name).tolist() for name in COLUMNS),
        )

    await in_transaction(database, number, made, write)


async def executemany(database: Database, number: int, made: Any) -> None:
    """One pipelined INSERT a row."""

    async def write(connection: Any, rows: Rows) -> None:
        await connection.executemany(
            "INSERT INTO readings VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            list(zip(*(getattr(rows, name).tolist() for name in COLUMNS), strict=True)),
        )

    await in_transaction(database, number, made, write)


VARIANTS: dict[str, Variant] = {
    "commit": commit_fast,
    "copy": copy,
    "staging": staging,
    "merge": merge,
    "unnest": unnest,
    "executemany": executemany,
}


async def measure(database: Database, variant: str, rows: int, seconds: float) -> dict[str, Any]:
    async with database.connection() as connection:
        await connection.execute("TRUNCATE readings")
        await connection.execute("UPDATE spine SET position = 0")
    made = [batch_of(number, rows, fresh=True) for number in range(8)]
    latencies: list[float] = []
    number = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        batch, verdict = made[number % 8]
        shifted = number // 8 * 8 * rows * 500
        moved = ReadingBatch(
            messages=batch.messages,
            message=batch.message,
            sensor=batch.sensor,
            time=batch.time + shifted,
            value=batch.value,
            quality=batch.quality,
            reason=batch.reason,
        )
        before = time.perf_counter()
        await VARIANTS[variant](database, number, (moved, verdict))
        latencies.append(time.perf_counter() - before)
        number += 1
    elapsed = time.perf_counter() - began
    return {
        "variant": variant,
        "rows_per_commit": rows,
        "rows_per_s": round(number * rows / elapsed),
        "commits": number,
        "p50_ms": round(statistics.median(latencies) * 1000, 2),
        "p99_ms": round(sorted(latencies)[int(len(latencies) * 0.99)] * 1000, 2),
    }


async def measure_rolling(database: Database, minute_rows: int) -> dict[str, Any]:
    """What closing one minute costs when so many readings of the 10,000 sensors fell into it."""
    async with database.connection() as connection:
        await connection.execute("TRUNCATE readings, readings_1m, readings_1h")
        await connection.execute("UPDATE spine SET position = 0, received_through = NULL")
    start = T0 // 60_000_000 * 60_000_000 + 60_000_000
    size = 20_000
    for number in range(minute_rows // size):
        batch, verdict = batch_of(number, size, fresh=True)
        spread = np.arange(number * size, (number + 1) * size) * 60_000_000 // minute_rows
        moved = ReadingBatch(
            batch.messages, batch.message, batch.sensor, start + spread, batch.value,
            batch.quality, batch.reason,
        )  # fmt: skip
        await commit_fast(database, number, (moved, verdict))
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE spine SET received_through = $1, closing_through = NULL, "
            "rolled_1m_through = NULL, rolled_1h_through = NULL",
            start + 120_000_000,
        )
    before = time.perf_counter()
    done = await roll(database, now=start + 120_000_000)
    return {
        "variant": "roll",
        "rows_in_minute": minute_rows,
        "minutes": done.minutes,
        "seconds": round(time.perf_counter() - before, 3),
    }


@asynccontextmanager
async def database_at(dsn: str | None) -> AsyncIterator[Database]:
    if dsn is not None:
        database = await Database.connect(dsn)
        yield database
        await database.close()
        return
    with enterable_folder() as folder:
        async with PostgresServer(folder) as server:
            database = await Database.connect(server.dsn)
            yield database
            await database.close()


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """A temporary directory that the server's unprivileged account may enter."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dsn")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--variant", choices=VARIANTS, action="append")
    parser.add_argument("--roll", type=int, action="append", help="rows of one minute to roll up")
    options = parser.parse_args()
    async with database_at(options.dsn) as database:
        await migrate(database)
        await open_epoch(database, JOURNAL, first_position=START, now=T0)
        for minute_rows in options.roll or ():
            print(json.dumps(await measure_rolling(database, minute_rows)))
        if options.roll:
            return
        for rows in options.rows or [2_000, 10_000, 20_000]:
            for variant in options.variant or VARIANTS:
                print(json.dumps(await measure(database, variant, rows, options.seconds)))


if __name__ == "__main__":
    asyncio.run(main())
