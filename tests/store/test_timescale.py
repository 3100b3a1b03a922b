"""What only TimescaleDB does, and what it must not do to us; skipped on plain PostgreSQL.

Run with `VEDETTE_TEST_DATABASE_URL` naming a server that has the extension loaded.
"""

from __future__ import annotations

import time

import pytest

from store import retention
from store.database import Database
from store.retention import Keep, forget_old
from store.writer import commit
from tests.store.conftest import Play, run_policies
from tests.store.stretches import SECOND, T0, Row, readings, stretch

DAY = 86_400 * SECOND
DAY_S = 86_400.0


async def count(database: Database, question: str) -> int:
    async with database.connection() as connection:
        found: int = await connection.fetchval(question)
    return found


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("fresh", [True, False])
def test_a_clock_gone_wild_makes_a_hundred_chunks_not_twenty_thousand(
    opened: Play, fresh: bool
) -> None:
    async def act(database: Database) -> None:
        wild = [(7, -DAY_S * days, 1.0) for days in range(0, 20_000, 3)]
        done = await commit(database, stretch(0, readings(*wild, fresh=fresh)))
        assert (done.rows, done.fast) == (len(wild), True)
        assert await count(database, "SELECT count(*) FROM show_chunks('readings')") < 150
        assert await count(database, "SELECT count(*) FROM readings") == len(wild)
        # And what arrives from now on has a chunk a day again.
        await commit(database, stretch(1, readings((7, DAY_S, 1.0), (7, 2 * DAY_S, 1.0))))
        assert (
            await count(
                database,
                "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'readings'"
                " AND range_end - range_start = INTERVAL '1 day' AND range_start > '2026-09-21'",
            )
            == 2
        )

    opened(act)


@pytest.mark.usefixtures("chunked")
def test_many_old_chunks_are_forgotten_a_few_at_a_time(
    opened: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNKS_AT_ONCE", 2)

    async def act(database: Database) -> None:
        for years in (0, *range(3, 10)):
            await commit(database, stretch(years, readings((7, -DAY_S * 365 * years, 1.0))))
        assert len((await forget_old(database, Keep(), now=T0)).tables) == 7
        assert await count(database, "SELECT count(*) FROM readings") == 1

    opened(act)


@pytest.mark.usefixtures("policed")
def test_late_rows_and_corrections_find_their_way_into_compressed_chunks(opened: Play) -> None:
    sensors, each = range(1, 301), 400  # more rows than the server by default decompresses

    async def act(database: Database) -> None:
        rows: list[Row] = [(s, -20 * DAY_S + i * 5, float(i)) for s in sensors for i in range(each)]
        await commit(database, stretch(0, readings(*rows)))
        await run_policies(database, "policy_compression")
        compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
        assert await count(database, compressed) == 1
        time = -20 * DAY_S + 1000
        late = [(s, time + 1, -1.0) for s in sensors]
        same = [(s, time, 200.0) for s in sensors]
        changed = [(s, time + 5, 777.0) for s in sensors]
        done = await commit(database, stretch(1, readings(*late, *same, *changed, fresh=False)))
        assert (done.duplicates, done.corrections) == (300, 300)
        again = await commit(database, stretch(2, readings(*same, *late)))
        assert (again.fast, again.duplicates) == (False, 600)
        assert await count(database, "SELECT count(*) FROM readings") == 300 * (each + 1)
        assert await count(database, "SELECT count(*) FROM readings WHERE value = 777") == 300

    opened(act)


async def forget_by(database: Database, keep: Keep, now: int) -> tuple[str, ...]:
    """Forget by a time that the last call bears out; what was dropped."""
    async with database.connection() as connection:
        await connection.execute("UPDATE spine SET forgot_at = $1", now)
    gone = await forget_old(database, keep, now=now)
    assert gone.by == now
    return gone.tables


async def reaches(database: Database) -> set[str]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT config ->> 'start_offset' AS reach FROM timescaledb_information.jobs "
            "WHERE proc_name = 'policy_refresh_continuous_aggregate'"
        )
    assert len(rows) == 2
    return {row["reach"] for row in rows}


@pytest.mark.usefixtures("policed")
def test_aggregates_follow_late_rows_as_far_back_as_raw_readings_are_kept(opened: Play) -> None:
    async def act(database: Database) -> None:
        now = time.time_ns() // 1000
        await forget_by(database, Keep(), now)
        assert await reaches(database) == {"399 days"}
        recent, old = (now - T0) / SECOND - DAY_S, (now - T0) / SECOND - 300 * DAY_S
        await commit(database, stretch(0, readings((7, recent, 1.0), (7, old, 2.0))))
        await run_policies(database, "policy_refresh_continuous_aggregate")
        await commit(database, stretch(1, readings((7, old + 0.001, 4.0), fresh=False)))
        await run_policies(database, "policy_refresh_continuous_aggregate")
        for table in ("readings_1m", "readings_1h"):
            figures = f"SELECT (sum(high) * 10 + max(readings))::integer FROM {table}"
            assert await count(database, figures) == (4 + 1) * 10 + 2

    opened(act)


@pytest.mark.usefixtures("policed")
def test_rollups_of_forgotten_readings_stay_even_if_more_is_to_be_kept_from_now_on(
    opened: Play,
) -> None:
    async def act(database: Database) -> None:
        now = time.time_ns() // 1000
        old = (now - T0) / SECOND - 60 * DAY_S
        await commit(database, stretch(0, readings((7, old, 1.0), (7, old + 61 * DAY_S, 1.0))))
        await forget_by(database, Keep(raw=90), now)
        await run_policies(database, "policy_refresh_continuous_aggregate")
        assert await forget_by(database, Keep(raw=30), now)
        await forget_by(database, Keep(raw=400), now)
        assert await reaches(database) == {"29 days"}
        await run_policies(database, "policy_refresh_continuous_aggregate")
        for table in ("readings_1m", "readings_1h"):
            assert await count(database, f"SELECT count(*) FROM {table}") == 2
        await forget_by(database, Keep(raw=400), now + 10 * DAY)
        assert await reaches(database) == {"39 days"}

    opened(act)
