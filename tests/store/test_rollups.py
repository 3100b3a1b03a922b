"""Roll-ups equal what the raw readings say, whenever these arrive; then what is forgotten."""

from __future__ import annotations

import asyncio
import math
import random

import numpy as np
import pytest

from domain.readings import Quality
from store.database import Database
from store.readings import choose_resolution, query
from store.retention import Keep, forget_old, index_closed
from store.rollups import roll
from store.scope import ALL, Scope
from store.writer import commit
from tests.store.conftest import Play, run_policies
from tests.store.stretches import SECOND, START, T0, alarm, readings, stretch, transition

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
M0 = T0 // HOUR * HOUR
"""Start of the hour T0 lies in."""

Bucket = tuple[int, int, int, int, int, float | None, float | None, float | None, float | None]


def after(time: int) -> float:
    """Seconds after T0, as the builders take them."""
    return (time - T0) / SECOND


async def rolled(database: Database, table: str) -> dict[tuple[int, int], Bucket]:
    async with database.connection() as connection:
        rows = await connection.fetch(f"SELECT * FROM {table}")
    return {(row["bucket"], row["sensor"]): tuple(row) for row in rows}


async def expected(database: Database, width: int) -> dict[tuple[int, int], Bucket]:
    """The roll-up worked out in plain Python from the raw readings."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM readings ORDER BY ts")
    groups: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for row in rows:
        key = (row["ts"] // width * width, row["sensor"])
        groups.setdefault(key, []).append((row["value"], row["quality"]))
    made: dict[tuple[int, int], Bucket] = {}
    for (bucket, sensor), values in groups.items():
        usable = [v for v, q in values if not math.isnan(v) and q in {0, 1, 6, 7}]
        good = sum(q == 0 for _, q in values)
        figures = (
            (min(usable), max(usable), math.fsum(usable) / len(usable), usable[-1])
            if usable
            else (None,) * 4
        )
        made[bucket, sensor] = (bucket, sensor, len(values), len(usable), good, *figures)
    return made


def assert_same(
    found: dict[tuple[int, int], Bucket], wanted: dict[tuple[int, int], Bucket]
) -> None:
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        assert found[key] == pytest.approx(row), key


async def roll_all(database: Database, now: int) -> None:
    """Roll up all there is, whoever does it."""
    if (await database.storage()).policies:
        async with database.connection() as connection:
            for table in ("readings_1m", "readings_1h"):
                # What has begun but is not over stays open, as the server's own policy leaves it.
                await connection.execute(
                    f"CALL refresh_continuous_aggregate('{table}', NULL, $1::timestamptz)", now
                )
    while (await roll(database, now=now)).more:
        pass


def test_nothing_is_rolled_up_before_there_is_anything(opened: Play) -> None:
    async def act(database: Database) -> None:
        assert (await roll(database, now=T0)).minutes == 0
        await commit(database, stretch(0))
        assert (await roll(database, now=T0)).minutes == 0

    opened(act)


@pytest.mark.usefixtures("own_rollups")
def test_a_minute_is_closed_when_it_is_over_and_its_readings_had_time_to_come(opened: Play) -> None:
    async def act(database: Database) -> None:
        over = (T0 // MINUTE + 1) * MINUTE
        await commit(database, stretch(0, readings((7, 0, 1.0), (7, 29, 3.0), received=T0)))
        assert (await roll(database, now=T0 + HOUR)).minutes == 0
        last = over + 9 * SECOND
        await commit(database, stretch(1, readings((7, after(last), 9.0), received=last)))
        assert (await roll(database, now=T0 + HOUR)).minutes == 0
        last = over + 10 * SECOND
        await commit(database, stretch(2, readings((7, after(last), 9.0), received=last)))
        assert (await roll(database, now=over + 9 * SECOND)).minutes == 0
        assert (await roll(database, now=T0 + HOUR)).minutes == 1
        [row] = (await rolled(database, "readings_1m")).values()
        assert row == (T0 // MINUTE * MINUTE, 7, 2, 2, 0, 1.0, 3.0, 2.0, 3.0)

    opened(act)


def test_values_of_bad_quality_or_none_are_counted_but_not_used(opened: Play) -> None:
    async def act(database: Database) -> None:
        batch, verdict = readings(
            (7, 0, 5.0), (7, 1, math.nan), (7, 2, 900.0), (7, 3, 6.0), (8, 0, math.nan)
        )
        verdict.quality[:] = [Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.STOPPED, Quality.BAD]
        late = readings((9, 90, 0.0), received=T0 + 90 * SECOND)
        await commit(database, stretch(1, (batch, verdict), late))
        await roll_all(database, T0 + HOUR)
        rows = await rolled(database, "readings_1m")
        bucket = T0 // MINUTE * MINUTE
        assert rows[bucket, 7] == (bucket, 7, 4, 2, 2, 5.0, 6.0, 5.5, 6.0)
        assert rows[bucket, 8] == (bucket, 8, 1, 0, 0, None, None, None, None)

    opened(act)


def test_rollups_follow_late_rows_and_corrections_whenever_they_come(opened: Play) -> None:
    chance = random.Random(5)

    async def act(database: Database) -> None:
        policies = (await database.storage()).policies
        now = T0
        for position in range(30):
            now += 7 * MINUTE
            newest = [
                (sensor, after(now) + sensor / 10, chance.uniform(0, 9)) for sensor in (1, 2, 3)
            ]
            await commit(database, stretch(2 * position, readings(*newest, received=now)))
            late = [
                (
                    chance.choice((1, 2, 4)),
                    float(chance.randrange(0, int(after(now)), 20)),
                    chance.uniform(0, 9),
                )
                for _ in range(4)
            ]
            await commit(
                database, stretch(2 * position + 1, readings(*late, fresh=False, received=now))
            )
            await (roll_all if policies else roll)(database, now=now)
        end = now + HOUR
        await commit(database, stretch(60, readings((1, after(end), 1.0), received=end)))
        await roll_all(database, end + MINUTE)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM rollup_dirty") == 0
        for table, width in (("readings_1m", MINUTE), ("readings_1h", HOUR)):
            # Continuous aggregates have the open minute and hour in them, our roll-ups do not.
            through = math.inf if policies else end // width * width
            wanted = await expected(database, width)
            assert_same(
                await rolled(database, table), {k: v for k, v in wanted.items() if k[0] < through}
            )

    opened(act)


@pytest.mark.usefixtures("own_rollups")
def test_a_swarm_of_late_rows_marks_whole_minutes(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((1, 300, 1.0), received=T0 + 300 * SECOND)))
        await roll_all(database, T0 + HOUR)
        swarm = [(sensor, 0.5, 2.0) for sensor in range(1, 1500)]
        await commit(database, stretch(1, readings(*swarm, received=T0 + 301 * SECOND)))
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM rollup_dirty") == 1
        await roll_all(database, T0 + 2 * HOUR)
        assert len(await rolled(database, "readings_1m")) == 1499

    opened(act)


@pytest.mark.usefixtures("own_rollups")
def test_gaps_of_years_are_stepped_over(opened: Play) -> None:
    async def act(database: Database) -> None:
        old, middle = after(0), after(T0 - 3 * 366 * DAY)
        await commit(database, stretch(0, readings((1, old, 1.0), (1, middle, 2.0), (1, 0, 3.0))))
        later = T0 + 2 * HOUR
        await commit(database, stretch(1, readings((1, after(later), 4.0), received=later)))
        done = await roll(database, now=later)
        assert (done.minutes, done.hours, done.more) == (3, 3, False)

    opened(act)


@pytest.mark.usefixtures("own_rollups")
def test_a_commit_never_waits_for_a_rollup_that_is_redoing_its_minute(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((1, 300, 1.0), received=T0 + 300 * SECOND)))
        await roll_all(database, T0 + HOUR)
        await commit(database, stretch(1, readings((1, 0, 1.0), fresh=False)))
        async with database.transaction() as connection:
            await connection.execute("DELETE FROM rollup_dirty")
            late = stretch(2, readings((1, 1, 2.0), fresh=False))
            await asyncio.wait_for(commit(database, late), 5)
        await roll_all(database, T0 + 2 * HOUR)
        [row] = (await rolled(database, "readings_1m")).values()
        assert row[2] == 2

    opened(act)


async def with_sensor(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO regions VALUES ('c', 'c', 'county');"
            "INSERT INTO enterprises VALUES ('e', 'e', 'c', 'x');"
            "INSERT INTO sites VALUES ('s', 's', 'e', 'x');"
            "INSERT INTO gateways (id, site, name, codec, silence_s) VALUES ('g', 's', '', 'n', 9);"
            "INSERT INTO sensors (measurand, name, unit, period_s) VALUES ('GAS_LEL', '', '', 1);"
            "INSERT INTO sensor_bindings VALUES (1, now(), 1, 't')"
        )


def test_raw_readings_come_in_order_up_to_the_limit(opened: Play) -> None:
    async def act(database: Database) -> None:
        await with_sensor(database)
        rows = [(1, float(i), math.nan if i == 2 else float(i)) for i in range(5)]
        await commit(database, stretch(0, readings(*rows, (2, 1, 9.0))))
        found = await query(database, ALL, 1, start=T0, end=T0 + 4 * SECOND, limit=3)
        assert found is not None
        assert found.ts == [T0, T0 + SECOND, T0 + 2 * SECOND]
        assert (found.value, found.more, found.resolution) == ([0.0, 1.0, None], True, "raw")
        rest = await query(database, ALL, 1, start=found.ts[-1] + 1, end=T0 + 4 * SECOND)
        assert rest is not None
        assert (rest.value, rest.more, rest.quality) == ([3.0], False, [1])

    opened(act)


def test_readings_out_of_scope_do_not_exist(opened: Play) -> None:
    async def act(database: Database) -> None:
        await with_sensor(database)
        await commit(database, stretch(0, readings((1, 0, 1.0))))
        start, end = T0 - HOUR, T0 + HOUR
        for scope in (Scope(enterprises=frozenset({"e"})), Scope(sites=frozenset({"s"}))):
            found = await query(database, scope, 1, start=start, end=end)
            assert found is not None
            assert found.value == [1.0]
        for scope in (Scope(), Scope(enterprises=frozenset({"other"}), sites=frozenset({"x"}))):
            assert await query(database, scope, 1, start=start, end=end) is None
        assert await query(database, ALL, 99, start=start, end=end) is None

    opened(act)


@pytest.mark.parametrize("rolled_until", [None, 90, 3 * 60, 5 * 60])
def test_minutes_and_hours_are_complete_whatever_is_rolled_up(
    opened: Play, rolled_until: int | None
) -> None:
    async def act(database: Database) -> None:
        await with_sensor(database)
        for minute in range(0, 4 * 60, 5):
            at = M0 + minute * MINUTE
            row = (1, after(at), float(minute))
            await commit(database, stretch(minute, readings(row, received=at)))
            if minute == rolled_until:
                await roll_all(database, at)
        end = M0 + 4 * HOUR
        minutes = await query(database, ALL, 1, start=M0, end=end, resolution="1m")
        assert minutes is not None
        assert minutes.ts == [M0 + m * MINUTE for m in range(0, 240, 5)]
        assert minutes.last == [float(m) for m in range(0, 240, 5)]
        hours = await query(database, ALL, 1, start=M0 + MINUTE, end=end, resolution="1h")
        assert hours is not None
        assert hours.ts == [M0 + h * HOUR for h in range(4)]
        assert hours.low == [0, 60, 120, 180]
        assert hours.high == [55, 115, 175, 235]
        assert hours.mean == pytest.approx([27.5, 87.5, 147.5, 207.5])
        assert (hours.last, hours.readings) == ([55, 115, 175, 235], [12] * 4)

    opened(act)


def test_automatic_resolution_is_the_finest_that_fits() -> None:
    assert choose_resolution(0, HOUR, 100) == "raw"
    assert choose_resolution(0, 24 * HOUR, 2000) == "1m"
    assert choose_resolution(0, 30 * DAY, 2000) == "1h"


def test_old_readings_are_forgotten_and_what_is_kept_stays(opened: Play) -> None:
    async def act(database: Database) -> None:
        rows = [(1, after(T0 - days * DAY), 1.0) for days in (400, 200, 89, 0)]
        await commit(database, stretch(0, readings(*rows)))
        late = T0 + 2 * HOUR
        await commit(database, stretch(1, readings((1, after(late), 1.0), received=late)))
        await roll_all(database, late)
        keep = Keep(raw=90)
        gone = await forget_old(database, keep, now=T0)
        assert len(gone.tables) == 2
        assert (await forget_old(database, keep, now=T0)).tables == ()
        own = not (await database.storage()).policies
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM readings") == 3
            minutes = await connection.fetchval("SELECT count(*) FROM readings_1m")
            assert minutes == (4 if own else 5)  # the aggregate has the open minute in it
        await commit(database, stretch(2, readings(rows[0], fresh=False)))
        assert (await forget_old(database, keep, now=T0)).tables

    opened(act)


@pytest.mark.usefixtures("own_partitions")
def test_partitions_of_old_readings_are_months(opened: Play) -> None:
    async def act(database: Database) -> None:
        rows = [(1, after(T0 - days * DAY), 1.0) for days in (400, 200)]
        await commit(database, stretch(0, readings(*rows)))
        gone = await forget_old(database, Keep(), now=T0)
        assert all(name.startswith("readings_m") for name in gone.tables)

    opened(act)


def test_a_table_somebody_reads_is_left_to_the_next_call(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((1, after(T0 - 450 * DAY), 1.0))))
        async with database.transaction() as reader:
            await reader.fetch("SELECT * FROM readings")
            assert (await forget_old(database, Keep(), now=T0)).tables == ()
        assert len((await forget_old(database, Keep(), now=T0)).tables) == 1

    opened(act)


def test_a_reading_that_comes_after_its_minute_was_forgotten_leaves_the_rollup_whole(
    opened: Play,
) -> None:
    async def act(database: Database) -> None:
        old = T0 - 200 * DAY
        first = [(1, after(old) + i, float(i)) for i in range(5)]
        await commit(database, stretch(0, readings(*first, received=old)))
        await commit(database, stretch(1, readings((1, 0, 1.0))))
        await roll_all(database, T0)
        assert (await forget_old(database, Keep(raw=90), now=T0)).tables
        late = T0 + HOUR
        await commit(
            database,
            stretch(2, readings((1, after(old) + 9, 99.0), fresh=False, received=late)),
        )
        if (await database.storage()).policies:
            await run_policies(database, "policy_refresh_continuous_aggregate")
        else:
            await roll_all(database, late + HOUR)
        for table, width in (("readings_1m", MINUTE), ("readings_1h", HOUR)):
            assert (await rolled(database, table))[old // width * width, 1][2:7] == (5, 5, 0, 0, 4)

    opened(act)


def test_old_alarms_are_forgotten_with_their_history_open_ones_never(opened: Play) -> None:
    async def act(database: Database) -> None:
        old, new = T0 - 2000 * DAY, T0 - 9 * DAY
        for i, (time, state) in enumerate(
            [(old, "normal"), (old, "acknowledged"), (new, "normal")]
        ):
            key = f"{START + i}.0"
            await commit(
                database,
                stretch(
                    i,
                    transitions=[(START + i, 0, transition(key, decided=time))],
                    alarms=[alarm(key, i, state=state, raised_at=time)],
                ),
            )
        assert (await forget_old(database, Keep(), now=T0)).rows == 4  # with two old notices
        async with database.connection() as connection:
            for table in ("alarms", "transitions"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 2

    opened(act)


def test_nothing_may_be_kept_for_less_than_thirty_days() -> None:
    with pytest.raises(ValueError, match="raw: 29 days"):
        Keep(raw=29)


@pytest.mark.usefixtures("own_rollups")
def test_finished_days_get_their_index_once(opened: Play) -> None:
    async def act(database: Database) -> None:
        rows = [(1, after(T0 - days * DAY), 1.0) for days in (9, 3, 0)]
        await commit(database, stretch(0, readings(*rows)))
        assert len(await index_closed(database, now=T0)) == 2
        assert await index_closed(database, now=T0) == []

    opened(act)


@pytest.mark.usefixtures("own_rollups")
def test_marks_of_sensor_and_minute_are_exact(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((1, 300, 1.0), received=T0 + 300 * SECOND)))
        await roll_all(database, T0 + HOUR)
        await commit(
            database, stretch(1, readings((2**31 - 1, 0, 1.0), (3, -60, 1.0), (4, 400, 1.0)))
        )
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM rollup_dirty ORDER BY sensor")
        minute = T0 // MINUTE * MINUTE
        assert [tuple(r) for r in rows] == [(minute - MINUTE, 3), (minute, 2**31 - 1)]

    opened(act)


@pytest.mark.usefixtures("own_partitions")
def test_partitions_of_all_tables_are_known_by_their_names(opened: Play) -> None:
    async def act(database: Database) -> None:
        async with database.connection() as connection:
            for table in ("readings", "readings_1m", "readings_1h"):
                times = np.array([0, T0 - 900 * DAY, T0 - 200 * DAY, T0], np.int64)
                await database.partitions.ensure(connection, table, times, now=T0)
            names = await connection.fetch(
                "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
                "JOIN pg_class c ON c.oid = inhrelid AND c.relkind = 'r' ORDER BY 1"
            )
        assert [row["name"] for row in names] == [
            "readings_1h_y1970", "readings_1h_y2024", "readings_1h_y2026",
            "readings_1m_m202603", "readings_1m_m202609", "readings_1m_y1970", "readings_1m_y2024",
            "readings_d20260921", "readings_m202603", "readings_y1970", "readings_y2024",
        ]  # fmt: skip

    opened(act)
