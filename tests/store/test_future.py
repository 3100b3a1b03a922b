"""What lies in the future is quarantined with its values, once, and stored nowhere else."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from alerting import Fold, GatewaySpec, Limit, ProgramChange, SensorSpec
from domain.assets import Enterprise, Gateway, Region, Sensor, Site
from domain.building import BatchBuilder
from domain.entries import Entry, EntryKind
from domain.readings import Reason
from domain.wire import SensorRef, decode
from domain.wire.times import LAST_TIME
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.quarantine import list_quarantined
from store.scope import ALL
from store.writer import commit
from tests.store.conftest import Play
from tests.store.stretches import T0, readings, stretch

YEAR = 31_536_000.0
DEAD = 4_294_967_295_000
"""What a clock chip shows without its battery: ms, in the year 2106."""


async def register(database: Database) -> None:
    """Gateway 1 with one sensor, whose id is 1."""
    sensor = Sensor(id=0, gateway="box", tag="t1", measurand="GAS_LEL", period_s=1.0)
    registry = NewRegistry(
        regions=(Region(id="county", name="County", kind="county"),),
        enterprises=(Enterprise(id="works", name="Works", region="county"),),
        sites=(Site(id="yard", name="Yard", enterprise="works"),),
        gateways=(Gateway(id="box", number=0, site="yard"),),
        sensors=[(sensor, None)],
    )
    await add_registry(database, registry, actor=Actor("test", T0))


def test_future_readings_are_quarantined_once_however_often_they_are_committed(
    opened: Play,
) -> None:
    async def act(database: Database) -> None:
        await register(database)
        batch, verdict = readings((1, 10 * YEAR, 90.0), (1, 10 * YEAR + 1, 91.0), (1, 0.0, 3.0))
        future = np.array([True, True, False])
        verdict = replace(
            verdict,
            kept=~future,
            reason=np.where(future, Reason.FUTURE, 0).astype(np.uint16),
        )
        for _ in range(2):
            await commit(database, stretch(1, (batch, verdict)))
        [row] = await list_quarantined(database, ALL, "box")
        assert (row.at, row.path, row.topic) == (T0, "readings", "telemetry")
        assert row.reason.startswith("2 reading(s) with a time more than 5 minutes in the future")
        assert msgspec.json.decode(row.payload)["readings"][0] == {
            "s": "t1",
            "ts": T0 // 1000 + round(10 * YEAR * 1000),
            "v": 90.0,
        }
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM readings") == 1

    opened(act)


def test_readings_refused_for_another_reason_are_no_news_of_the_gateway(opened: Play) -> None:
    async def act(database: Database) -> None:
        await register(database)
        await commit(database, stretch(1, readings((1, 0.0, 3.0), kept=False)))
        assert await list_quarantined(database, ALL, "box") == []

    opened(act)


def test_a_dead_clock_raises_its_alarm_and_its_readings_are_quarantined_with_their_values(
    opened: Play,
) -> None:
    async def act(database: Database) -> None:
        await register(database)
        limit = Limit(level="HH", setpoint=50.0, source="test")
        program = ProgramChange(
            at=T0,
            full=True,
            sensors=(SensorSpec(id=1, gateway=1, period_us=1_000_000, limits=(limit,)),),
            gateways=(GatewaySpec(number=1),),
        )
        fold = Fold.empty()
        fold.apply(1, Entry(EntryKind.PROGRAM, program.to_bytes()))
        builder = BatchBuilder()
        message = {"ts": DEAD, "readings": [{"s": "t1", "v": 90.0}]}
        head = decode(msgspec.json.encode(message), {"t1": SensorRef(1)}, T0, builder, 1, False)
        assert head.errors == ()
        batch = builder.build()
        outcome = fold.apply(2, Entry(EntryKind.BATCH, batch.to_bytes()))
        assert [(alarm.kind, alarm.family) for alarm in outcome.alarms] == [("mismatch", "clock")]
        assert outcome.verdict is not None
        await commit(database, stretch(1, (batch, outcome.verdict)))
        [row] = await list_quarantined(database, ALL, "box")
        assert "2099-12-31 23:59:59Z; set the gateway's clock" in row.reason
        assert msgspec.json.decode(row.payload)["readings"] == [
            {"s": "t1", "ts": LAST_TIME / 1000, "v": 90.0}
        ]

    opened(act)
