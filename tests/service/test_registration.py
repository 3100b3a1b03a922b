"""Ingest knows no sensor that the fold does not know: none is acknowledged and then dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from domain.assets import Enterprise, Gateway, Region, Sensor, Site
from domain.sequence import SequenceTracker
from ingest import Ingest, Posted
from service.registration import NotJudgeable, Registration
from service.standby import Standby
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.gateways import add_gateway, remove_gateway
from store.sensors import add_sensor, remove_sensor
from tests.service.stage import Stage, now_us, staged, until
from tests.store.conftest import Scene

ACTOR = Actor("test", 1_772_669_700_000_000)
COUNTY = NewRegistry(
    regions=(Region(id="county", name="County", kind="county"),),
    enterprises=(Enterprise(id="works", name="Works", region="county"),),
    sites=(Site(id="yard", name="Yard", enterprise="works"),),
    gateways=(Gateway(id="box", number=0, site="yard"),),
    sensors=[(Sensor(id=0, gateway="box", tag="old", measurand="GAS_LEL"), None)],
)


class HeldStandby(Standby):
    """Its disk takes as long as `gate` is not set."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.gate = threading.Event()
        self.gate.set()
        self.holds = threading.Event()

    def save_registry(self, data: bytes) -> None:
        self.holds.set()
        assert self.gate.wait(10)
        super().save_registry(data)


@dataclass
class House:
    """A registry in the database, a fold that judges by it, and an ingest between the two."""

    database: Database
    stage: Stage
    standby: HeldStandby
    registration: Registration
    ingest: Ingest

    async def add(self, tag: str) -> int:
        sensor = Sensor(id=0, gateway="box", tag=tag, measurand="GAS_LEL")
        return (await add_sensor(self.database, sensor, {}, actor=ACTOR)).id

    async def post(self, tag: str) -> Posted:
        message = {"ts": now_us() // 1000, "readings": [{"s": tag, "v": 1.0}]}
        return await self.ingest.post("box", msgspec.json.encode(message), backfill=False)

    def tags(self) -> list[str] | None:
        """What ingest knows of the gateway now."""
        known = self.registration.tags("box")
        return None if known is None else sorted(known.tags)

    async def refresh(self) -> None:
        await self.registration.refresh(self.stage.spine)

    async def refresh_without_journal(self) -> asyncio.Task[None]:
        """A refresh whose entry waits for the journal; `write_again` lets it go on."""
        writing = self.stage.tasks[0]
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        refreshing = asyncio.create_task(self.refresh())
        await until(lambda: self.stage.spine.waiting == 1)
        return refreshing

    def write_again(self) -> None:
        self.stage.tasks.append(asyncio.create_task(self.stage.spine.write_journal()))


@asynccontextmanager
async def house(database: Database, place: Path) -> AsyncIterator[House]:
    await add_registry(database, COUNTY, actor=ACTOR)
    async with staged(database, place) as stage:
        standby = HeldStandby(place / "copy")
        registration = Registration(database, standby, clock=now_us)
        ingest = Ingest(
            sink=stage.spine.append_batch,
            tags=registration.tags,
            clock=now_us,
            sequences=SequenceTracker(),
            quarantine=lambda _: None,
        )
        await registration.refresh(stage.spine)
        stage.start_storing()
        stage.tasks.append(asyncio.create_task(ingest.run()))
        yield House(database, stage, standby, registration, ingest)


def test_a_reading_of_a_sensor_just_added_is_rejected_or_stored_and_never_dropped(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            await here.add("new")
            here.standby.holds.clear()
            here.standby.gate.clear()
            refreshing = asyncio.create_task(here.refresh())
            assert await asyncio.to_thread(here.standby.holds.wait, 10)
            posted = await here.post("new")
            here.standby.gate.set()
            await refreshing
            await here.stage.all_is_stored()
            assert await here.stage.rows() == 1 - len(posted.errors)
            assert (await here.post("new")).errors == ()
            await here.stage.all_is_stored()
            assert await here.stage.rows() == 2 - len(posted.errors)

    scene(act)


def test_what_is_added_waits_for_the_journal_and_what_is_removed_does_not(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            stays = await here.add("stays")
            await here.refresh()
            assert here.tags() == ["old", "stays"]
            await here.add("new")
            await remove_sensor(database, stays - 1, actor=ACTOR)
            refreshing = await here.refresh_without_journal()
            assert here.tags() == ["stays"]
            here.write_again()
            await refreshing
            assert here.tags() == ["new", "stays"]

    scene(act)


def test_a_gateway_that_is_removed_and_added_again_is_known_once_the_fold_knows_its_number(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            await remove_gateway(database, "box", actor=ACTOR)
            box = await add_gateway(database, COUNTY.gateways[0], actor=ACTOR)
            await here.add("old")
            refreshing = await here.refresh_without_journal()
            assert here.tags() is None
            here.write_again()
            await refreshing
            assert here.tags() == ["old"]
            known = here.registration.tags("box")
            assert known is not None
            assert known.number == box.number

    scene(act)


def test_what_cannot_be_judged_by_does_not_reach_ingest(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            added = await here.add("new")
            async with database.connection() as connection:
                await connection.execute(
                    "INSERT INTO limits VALUES ($1, 'HH', 'NaN', 0, 0, 0, false, 'test')", added
                )
            with pytest.raises(NotJudgeable):
                await here.refresh()
            assert here.tags() == ["old"]
            [error] = (await here.post("new")).errors
            assert error.path == "readings[0].s"

    scene(act)


def test_a_new_password_brings_no_sensor_the_fold_does_not_know(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            await here.add("new")
            await here.registration.set_credential("box", "hash")
            assert here.registration.credentials == {"box": "hash"}
            assert here.tags() == ["old"]
            await here.refresh()
            assert here.tags() == ["new", "old"]

    scene(act)


def test_at_a_start_from_the_copy_ingest_knows_what_the_fold_then_knows(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with house(database, tmp_path) as here:
            await here.add("new")
            await here.registration.load()
            nowhere = await Database.connect("postgresql://vedette@127.0.0.1:1/vedette")
            here.registration = Registration(nowhere, here.standby, clock=now_us)
            await here.registration.load_or_copy()
            assert here.tags() is None
            await here.registration.enforce(here.stage.spine)
            assert here.tags() == ["new", "old"]
            await nowhere.close()

    scene(act)
