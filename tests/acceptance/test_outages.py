"""With the database away: readings are judged, screens live, acts work; later all of it is stored."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from simulators.load import LoadPlan, publish_load
from tests.acceptance.evidence import stored_readings
from tests.acceptance.house import House, Service
from tests.acceptance.screen import gateway_on, screen_on
from tests.acceptance.test_kills import everything_is_stored, now_us, transitions_are_one_fold

LONG = os.environ.get("VEDETTE_TEST_LONG") == "1"
AWAY_S = 30.0 if LONG else 8.0
SOON_S = 2.0
"""The promise while the database is away: an alarm is shown, an act is answered within this."""
MORE_MEMORY_MIB = 256

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def plan_of(house: House, *, seconds: float) -> LoadPlan:
    """2,000 readings/s from all gateways but the first, which speaks by hand."""
    return LoadPlan(
        gateways=house.load_gateways()[1:],
        seconds=seconds,
        rate=100.0,
        readings_per_message=20,
        high=80.0,
    )


async def alarm_is_raised_and_acknowledged(house: House, service: Service, tag: str) -> None:
    running = await service.ready()
    async with (
        screen_on(running) as screen,
        gateway_on(house.broker.port, house.login("gw-0")) as gateway,
    ):
        await gateway.says(tag, 80.0)
        alarm = await screen.alarm(tag, state="unacknowledged", within_s=SOON_S)
        asked = time.monotonic()
        answer = await screen.acknowledge(alarm)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "acknowledged"
        assert time.monotonic() - asked < SOON_S
        await screen.alarm(tag, state="acknowledged", within_s=SOON_S)


async def started(house: House) -> Service:
    service = await house.add_service("service")
    service.start()
    await service.ready()
    await house.broker.admit_gateways()
    return service


def test_alarms_and_acts_go_on_while_the_database_is_away() -> None:
    asyncio.run(_alarms_and_acts_go_on())


async def _alarms_and_acts_go_on() -> None:
    async with House() as house:
        service = await started(house)
        plan = plan_of(house, seconds=AWAY_S + 6)
        loading = asyncio.ensure_future(publish_load(plan, broker=house.address, clock=now_us))
        await alarm_is_raised_and_acknowledged(house, service, "s0.0")
        before = memory_mib(service.pid)
        await house.stop_postgres()
        back_at = time.monotonic() + AWAY_S
        await alarm_is_raised_and_acknowledged(house, service, "s0.1")
        await service_says_so(service)
        await asyncio.sleep(max(0.0, back_at - time.monotonic()))
        await alarm_is_raised_and_acknowledged(house, service, "s0.2")
        assert memory_mib(service.pid) < before + MORE_MEMORY_MIB
        await house.start_postgres()
        await everything_is_stored(await loading, plan, service)
        assert service.stop() == 0
        await transitions_are_one_fold(service)
        found, _ = await stored_readings(service.database_url)
        assert {tag for _, tag, _ in found} >= {"s0.0", "s0.1", "s0.2"}


async def service_says_so(service: Service) -> None:
    """Readiness and the live health frame both name the database."""
    running = await service.ready()
    async with screen_on(running) as screen:
        ready = await screen.client.get("/readyz")
        assert ready.status_code == 503
        assert "database" in ready.text


def test_a_restart_while_the_database_is_away_loses_nothing() -> None:
    asyncio.run(_a_restart_while_away())


async def _a_restart_while_away() -> None:
    async with House() as house:
        service = await started(house)
        plan = plan_of(house, seconds=12)
        loading = asyncio.ensure_future(publish_load(plan, broker=house.address, clock=now_us))
        await alarm_is_raised_and_acknowledged(house, service, "s0.0")
        await asyncio.sleep(4)  # a checkpoint of its own, every 2 s here, goes to the copy
        await house.stop_postgres()
        service.kill()
        service.start()
        await alarm_is_raised_and_acknowledged(house, service, "s0.1")
        report = await loading
        await house.start_postgres()
        await everything_is_stored(report, plan, service)
        assert service.stop() == 0
        await transitions_are_one_fold(service)
