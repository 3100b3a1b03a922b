"""What a wrong clock may take, and how long an alarm stays. The rest: test_rollups."""

from __future__ import annotations

from store.believed_time import STEP_US
from store.database import Database
from store.retention import Keep, forget_old
from store.writer import commit
from tests.store.conftest import Play, Scene
from tests.store.stretches import SECOND, START, T0, alarm, readings, stretch, transition

DAY = 86_400 * SECOND
DAY_S = 86_400.0
YEARS_AHEAD = T0 + 3650 * DAY


async def count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def forgot_at(database: Database, time: int | None) -> None:
    """As if the last call had gone by this time, or as if there had been none."""
    async with database.connection() as connection:
        await connection.execute("UPDATE spine SET forgot_at = $1", time)


async def a_day_each(database: Database, days: int) -> None:
    """One reading on each of the last so many days."""
    await commit(database, stretch(0, readings(*((7, -DAY_S * ago, 1.0) for ago in range(days)))))


def test_a_clock_that_leaps_ten_years_ahead_takes_nothing(opened: Play) -> None:
    async def act(database: Database) -> None:
        await a_day_each(database, 40)
        keep = Keep(raw=60)
        for calls in range(1, 5):
            gone = await forget_old(database, keep, now=YEARS_AHEAD)
            assert (gone.tables, gone.rows, gone.by) == ((), 0, T0 + calls * STEP_US)
        assert await count(database, "readings") == 40

    opened(act)


def test_readings_written_under_the_wrong_clock_bear_it_out_a_day_each(opened: Play) -> None:
    async def act(database: Database) -> None:
        await a_day_each(database, 40)
        ahead = (YEARS_AHEAD - T0) / SECOND
        await commit(database, stretch(1, readings((7, ahead, 1.0), received=YEARS_AHEAD)))
        for _ in range(10):
            await forget_old(database, Keep(raw=40), now=YEARS_AHEAD)
        assert await count(database, "readings") == 40  # one of 2036, and the newest 39 before

    opened(act)


def test_a_leap_takes_no_alarms_and_nothing_quarantined(opened: Play) -> None:
    async def act(database: Database) -> None:
        key = f"{START}.0"
        await commit(
            database,
            stretch(
                0,
                readings((7, 0, 1.0)),
                transitions=[(START, 0, transition(key))],
                alarms=[alarm(key, 0, state="normal")],
            ),
        )
        assert (await forget_old(database, Keep(), now=YEARS_AHEAD)).rows == 0
        assert await count(database, "alarms") == 1

    opened(act)


def test_where_nothing_was_ever_stored_nothing_is_forgotten(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        gone = await forget_old(database, Keep(), now=YEARS_AHEAD)
        assert (gone.tables, gone.rows, gone.by) == ((), 0, None)

    scene(act)


def test_days_of_readings_bear_out_a_clock_that_the_last_call_does_not(opened: Play) -> None:
    async def act(database: Database) -> None:
        await a_day_each(database, 35)
        await forgot_at(database, T0 - 1000 * DAY)  # by a clock that was behind, say
        gone = await forget_old(database, Keep(raw=30), now=T0)
        assert gone.by == T0
        assert await count(database, "readings") == 31  # thirty days, and the one they begin in
        assert (await forget_old(database, Keep(raw=30), now=T0 + SECOND)).by == T0 + SECOND

    opened(act)


def test_a_service_that_was_down_for_long_catches_up_step_by_step(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, -62 * DAY_S, 1.0), (7, 0, 1.0))))
        await forgot_at(database, T0 - 4 * DAY)
        assert (await forget_old(database, Keep(raw=60), now=T0)).tables == ()
        calls = 2
        while (await forget_old(database, Keep(raw=60), now=T0)).by != T0:
            calls += 1
        assert calls == 4 * DAY // STEP_US
        assert await count(database, "readings") == 1

    opened(act)


def test_a_clock_that_is_set_back_is_believed_at_once(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, 0, 1.0))))
        await forgot_at(database, YEARS_AHEAD)
        assert (await forget_old(database, Keep(), now=T0)).by == T0
        assert (await forget_old(database, Keep(), now=YEARS_AHEAD)).by == T0 + STEP_US

    opened(act)


def test_an_alarm_that_was_open_for_years_stays_whole_for_as_long_again(opened: Play) -> None:
    raised, closed = T0 - 2000 * DAY, T0 - DAY
    key = f"{START}.0"

    async def act(database: Database) -> None:
        await commit(
            database,
            stretch(
                0,
                transitions=[
                    (START, 0, transition(key, decided=raised)),
                    (START, 1, transition(decided=raised)),  # of a condition
                ],
                alarms=[alarm(key, 0, raised_at=raised)],
            ),
        )
        await commit(
            database,
            stretch(
                1,
                transitions=[
                    (
                        START + 1,
                        0,
                        transition(key, event="close", to_state="normal", decided=closed),
                    )
                ],
                alarms=[alarm(key, 1, state="normal", raised_at=raised)],
            ),
        )
        await forget_old(database, Keep(), now=T0)
        assert (await count(database, "alarms"), await count(database, "transitions")) == (1, 2)
        later = closed + 1830 * DAY
        for now, left in ((later, (1, 2)), (later + 1, (0, 0))):
            await forgot_at(database, now)
            await forget_old(database, Keep(), now=now)
            assert (await count(database, "alarms"), await count(database, "transitions")) == left

    opened(act)
