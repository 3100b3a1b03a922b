"""PostgreSQL refuses what it is given: the rest is stored, judging goes on, and the fault is said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domain.entries import EntryKind
from domain.readings import ReadingBatch
from service import committer
from store.database import Database
from store.writer import StaleJournal, open_epoch
from tests.service.stage import (
    Stage,
    batch,
    now_us,
    refolded,
    staged,
    tick_entry,
    until,
    unused_for_a_minute,
)
from tests.store.conftest import Scene
from tests.store.stretches import holes

POISON = 66.0


async def refuse(database: Database, table: str, when: str, state: str, *, times: int = 0) -> None:
    """Have the server refuse rows by itself; with `times`, only so often."""
    async with database.connection() as connection:
        await connection.execute(
            f"""
            CREATE SEQUENCE refused;
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {when} AND ({times} = 0 OR nextval('refused') <= {times}) THEN
                    RAISE EXCEPTION 'not this one' USING ERRCODE = '{state}';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON {table}
                FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )


async def judged_and_told(stage: Stage) -> None:
    """The live fold goes on while the storer cannot."""
    await until(lambda: stage.storer.fault is not None)
    await stage.spine.append_batch(batch(80.0, sensor=5))
    await stage.all_is_folded()
    assert any(alarm.sensor == 5 for alarm in stage.spine.fold.state.alarms.values())


def test_an_entry_whose_readings_are_refused_is_set_aside_alone(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        await refuse(database, "readings", f"NEW.value = {POISON}", "22003")
        async with staged(database, tmp_path, keep_journal=True) as stage:
            for n in range(30):
                await stage.spine.append_batch(batch(float(n), sensor=1))
            await stage.spine.append_batch(batch(POISON, 1.0, sensor=2))
            for n in range(30):
                await stage.spine.append_batch(batch(float(n), sensor=3))
            storing = stage.start_storing()
            await stage.all_is_stored()
            await until(lambda: stage.storer.fault is None)
            assert not storing.done()
            assert await stage.rows() == 60
            assert stage.storer.losses.set_aside == 1
            [hole] = await holes(database)
            assert hole["next_position"] - hole["after_position"] == 2
            assert "not this one" in hole["reason"]
            async with database.connection() as connection:
                [kept] = await connection.fetch(
                    "SELECT position, payload FROM kept_entries WHERE kind = $1",
                    int(EntryKind.BATCH),
                )
                decided = await connection.fetchval(
                    "SELECT count(*) FROM transitions WHERE position = $1", kept["position"]
                )
            assert kept["position"] == hole["after_position"] + 1
            assert ReadingBatch.from_bytes(kept["payload"]).value.tolist() == [POISON, 1.0]
            assert decided == 4  # what these readings decided is stored all the same

    scene(act)


def test_an_entry_whose_alarm_is_refused_is_set_aside_whole(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        await refuse(database, "alarms", "NEW.sensor = 2", "23505")
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(POISON, sensor=2))
            await stage.spine.append_batch(batch(1.0, sensor=3))
            await stage.all_is_stored()
            assert await stage.rows() == 1
            assert stage.storer.losses.set_aside == 1

    scene(act)


def test_what_is_no_fault_of_the_content_is_offered_until_it_is_taken(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        await refuse(database, "readings", "true", "42501", times=3)  # insufficient privilege
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await judged_and_told(stage)
            await stage.all_is_stored()
            await until(lambda: stage.storer.fault is None)
            assert await stage.rows() == 2
            assert stage.storer.losses.set_aside == 0

    scene(act)


def test_more_refusals_than_an_accident_explains_are_waited_out(
    scene: Scene[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "MOST_SET_ASIDE", 2)

    async def act(database: Database) -> None:
        await refuse(database, "readings", "true", "23514", times=0)
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            for n in range(6):
                await stage.spine.append_batch(batch(float(n)))
            await until(lambda: stage.storer.losses.set_aside == 2)
            await judged_and_told(stage)
            async with database.connection() as connection:
                await connection.execute("DROP TRIGGER refuse ON readings")
            await stage.all_is_stored()
            assert await stage.rows() == 5  # 7, of which 2 are set aside

    scene(act)


def test_a_deadlock_is_a_moment_s_fault(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        await refuse(database, "readings", "true", "40P01", times=2)
        async with staged(database, tmp_path) as stage:
            stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await stage.all_is_stored()
            assert await stage.rows() == 1
            assert stage.storer.losses.set_aside == 0

    scene(act)


def test_a_stretch_that_takes_too_long_is_stored_in_smaller_ones(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with database.connection() as connection:
            await connection.execute(
                """
                CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF (SELECT count(*) FROM brought) > 10 THEN
                        RAISE EXCEPTION 'too slow' USING ERRCODE = 'query_canceled';
                    END IF;
                    RETURN NULL;
                END $$;
                CREATE TRIGGER dawdle AFTER INSERT ON readings REFERENCING NEW TABLE AS brought
                    FOR EACH STATEMENT EXECUTE FUNCTION dawdle();
                """
            )
        async with staged(database, tmp_path) as stage:
            for n in range(60):
                await stage.spine.append_batch(batch(float(n)))
            stage.start_storing()
            await stage.all_is_stored()
            assert await stage.rows() == 60

    scene(act)


def test_a_service_whose_database_another_one_took_over_ends_loudly(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            storing = stage.start_storing()
            await stage.spine.append_batch(batch(1.0))
            await stage.all_is_stored()
            await unused_for_a_minute(database)
            later = stage.journal.last + 1_000_000
            await open_epoch(database, "another journal", first_position=later, now=now_us())
            await stage.spine.append(tick_entry())
            with pytest.raises(StaleJournal, match="another journal"):
                await asyncio.wait_for(storing, 10)
            fold = await refolded(stage.journal)
            assert fold.position == stage.spine.fold.position

    scene(act)
