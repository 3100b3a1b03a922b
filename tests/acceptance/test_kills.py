"""Nothing lost, nothing doubled: the three senses of the promise, under kills.

The short form runs always; `VEDETTE_TEST_LONG=1` asks for twelve kills in a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from simulators.load import LoadPlan, LoadReport, publish_load
from tests.acceptance.evidence import (
    committed_position,
    episodes,
    folded_transitions,
    stored_readings,
    stored_transitions,
)
from tests.acceptance.house import House, Service, until

LONG = os.environ.get("VEDETTE_TEST_LONG") == "1"
KILLS, SECONDS = (12, 60.0) if LONG else (4, 20.0)
RATE = 100.0
"""Messages a second of 20 readings: 2,000 readings/s."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def now_us() -> int:
    return time.time_ns() // 1000


def plan_of(house: House, *, seconds: float) -> LoadPlan:
    return LoadPlan(
        gateways=house.load_gateways(),
        seconds=seconds,
        rate=RATE,
        readings_per_message=20,
        high=80.0,
    )


async def kill_now_and_then(service: Service, *, kills: int, seconds: float, seed: int) -> None:
    chance = random.Random(seed)
    begun = time.monotonic()
    for k in range(kills):
        moment = begun + (k + 0.3 + 0.6 * chance.random()) * seconds / kills
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        service.kill()
        service.start()


async def everything_is_stored(report: LoadReport, plan: LoadPlan, service: Service) -> None:
    """Sense (c): each reading the publisher saw acknowledged is there, once."""
    wanted = set(report.acknowledged.readings(plan))
    assert len(wanted) > 1000

    async def there() -> bool:
        found, _ = await stored_readings(service.database_url)
        return wanted <= found

    await until(there, within_s=45, what="every acknowledged reading is stored", every_s=1.0)
    found, rows = await stored_readings(service.database_url)
    assert rows == len(found)


async def transitions_are_one_fold(service: Service) -> None:
    """Sense (a): the database's transitions, byte for byte, are one fold of the journal."""
    through = await committed_position(service.database_url)
    stored = await stored_transitions(service.database_url)
    assert stored == await folded_transitions(service.journal, through=through)
    assert len(stored) > 20


async def kill_postgres_now_and_then(house: House, *, kills: int, seconds: float) -> None:
    for _ in range(kills):
        await asyncio.sleep(seconds / (kills + 1))
        pid = house.postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


Trouble = Callable[[House, Service], Awaitable[None]]


async def _promise_holds(trouble: Trouble) -> None:
    """Play a load through trouble, beside a control that has none of its own; compare."""
    async with House() as house:
        troubled = await house.add_service("troubled")
        control = await house.add_service("control")
        for service in (troubled, control):
            service.start()
        for service in (troubled, control):
            await service.ready()
        await house.broker.admit_gateways()
        plan = plan_of(house, seconds=SECONDS)
        report, _ = await asyncio.gather(
            publish_load(plan, broker=house.address, clock=now_us), trouble(house, troubled)
        )
        assert report.unacknowledged == 0
        for service in (troubled, control):
            await service.ready()
            await everything_is_stored(report, plan, service)
            assert service.stop() == 0
        await transitions_are_one_fold(troubled)
        found = await episodes(troubled.database_url)
        assert found == await episodes(control.database_url)
        assert sum(activations for *_, activations in found) >= 50


def test_kills_of_the_service_lose_nothing_and_double_nothing() -> None:
    async def trouble(_: House, service: Service) -> None:
        await kill_now_and_then(service, kills=KILLS, seconds=SECONDS, seed=7)

    asyncio.run(_promise_holds(trouble))


def test_kills_of_postgresql_lose_nothing_and_double_nothing() -> None:
    async def trouble(house: House, _: Service) -> None:
        await kill_postgres_now_and_then(house, kills=3, seconds=SECONDS)

    asyncio.run(_promise_holds(trouble))
