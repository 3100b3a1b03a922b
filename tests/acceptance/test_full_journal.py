"""A journal that is full: nothing is acknowledged that was not kept, and nothing kept is lost."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest

from service.control import Running
from tests.acceptance.house import House, Service, until
from tests.acceptance.screen import gateway_on, screen_on
from tests.acceptance.starter import Box, box_on

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

SENSORS = 20
READINGS = 4_000
"""Of one message, below 256 KiB; about 120 KiB of the journal."""
BEYOND = 20
"""Messages sent after the journal was full."""


@dataclass
class Talker:
    """Fills the journal, and notes what it was receipted."""

    box: Box
    begun_ms: int
    sent: int = 0
    receipted: int = 0
    listening: asyncio.Task[None] | None = field(default=None)

    async def listen(self) -> None:
        async for message in self.box.client.messages:
            if message.topic.value.endswith("receipt"):
                self.receipted = int(json.loads(bytes(message.payload))["stored"])

    async def say(self) -> None:
        first = self.begun_ms + self.sent * READINGS // SENSORS
        self.sent += 1
        readings = [
            {"s": f"s1.{n % SENSORS}", "v": 1.0, "ts": first + n // SENSORS}
            for n in range(READINGS)
        ]
        await self.box.send({"boot": "full", "seq": self.sent, "readings": readings})


def test_a_full_journal_acknowledges_nothing_says_so_and_recovers_with_the_database() -> None:
    asyncio.run(_fill_and_recover())


async def _fill_and_recover() -> None:
    async with House(gateways=2, sensors=SENSORS) as house:
        service = await house.add_service("service")
        service.settings = {"VEDETTE_JOURNAL_MAX_MIB": "16", "VEDETTE_JOURNAL_KEEP": "false"}
        service.start()
        running = await service.ready()
        await house.broker.admit_gateways()
        await an_alarm_is_raised(house, running, "s0.0")
        async with box_on(house.broker.port, house.login("gw-1")) as box:
            talker = Talker(box, begun_ms=time.time_ns() // 1_000_000 - 120_000)
            talker.listening = asyncio.ensure_future(talker.listen())
            await talker.say()
            await first_is_stored(service)
            await house.stop_postgres()
            await fill(talker, running)
            kept = await settled(talker)
            assert kept < talker.sent
            await an_act_is_done_or_refused(running)

            service.kill()
            service.start()
            running = await service.ready()
            await until(lambda: unready(running, "full"), within_s=20, what="it says so again")
            assert await settled(talker) < talker.sent

            await house.start_postgres()
            await until(lambda: is_ready(running), within_s=60, what="the service is ready again")
            await everything_is_stored(service, talker)
            assert talker.listening is not None
            talker.listening.cancel()
        await an_alarm_is_raised(house, running, "s0.1")
        assert service.stop() == 0


async def fill(talker: Talker, running: Running) -> None:
    """Talk until the journal is full, and then some more."""
    async with asyncio.timeout(60):
        while not await unready(running, "full"):
            await talker.say()
    for _ in range(BEYOND):
        await talker.say()


async def settled(talker: Talker) -> int:
    """The last receipt, when no other has come for a second and a half (they come twice one)."""
    before = -1
    async with asyncio.timeout(30):
        while before != talker.receipted:
            before = talker.receipted
            await asyncio.sleep(1.5)
    return before


async def ask(running: Running, method: str, path: str, **options: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {running.token}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=10) as client:
        return await client.request(method, path, **options)  # type: ignore[arg-type]


async def unready(running: Running, word: str) -> bool:
    answer = await ask(running, "GET", "/readyz")
    return answer.status_code == 503 and word in answer.text


async def is_ready(running: Running) -> bool:
    return (await ask(running, "GET", "/readyz")).status_code == 200


async def an_act_is_done_or_refused(running: Running) -> None:
    """An act is small, so there may be room for it; where there is none, nothing is done."""
    alarms = (await ask(running, "GET", "/api/v1/alarms?state=open")).json()["items"]
    [alarm] = [each for each in alarms if each["kind"] == "limit"]
    path = f"/api/v1/alarms/{alarm['id']}"
    answer = await ask(running, "POST", f"{path}/acknowledge", json={"note": "seen"})
    state = (await ask(running, "GET", path)).json()["state"]
    assert (answer.status_code, state) in {(200, "acknowledged"), (503, "unacknowledged")}


async def an_alarm_is_raised(house: House, running: Running, tag: str) -> None:
    async with (
        screen_on(running) as screen,
        gateway_on(house.broker.port, house.login("gw-0")) as gateway,
    ):
        await gateway.says(tag, 80.0)
        await screen.alarm(tag, state="unacknowledged", within_s=10)


async def first_is_stored(service: Service) -> None:
    async def there() -> bool:
        return await stored(service) > READINGS

    await until(there, within_s=20, what="the database has what was sent before it goes away")


async def everything_is_stored(service: Service, talker: Talker) -> None:
    async def receipted() -> bool:
        return talker.receipted >= talker.sent

    await until(receipted, within_s=60, what="every message is receipted")

    async def there() -> bool:
        return await stored(service) >= talker.sent * READINGS

    await until(there, within_s=60, what="every message is stored", every_s=0.5)
    assert await stored(service) == await stored(service, "count(DISTINCT (sensor, ts))")


async def stored(service: Service, counted: str = "count(*)") -> int:
    """Readings in the database."""
    connection = await asyncpg.connect(service.database_url)
    try:
        return int(await connection.fetchval(f"SELECT {counted} FROM readings"))
    finally:
        await connection.close()
