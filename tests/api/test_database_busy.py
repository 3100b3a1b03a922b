"""Many slow questions to the database: they wait for each other, and nothing else waits for them."""

from __future__ import annotations

import asyncio

from tests.api.small_house import House
from tests.api.visits import Visit

ASKING = "SELECT count(*) FROM pg_locks WHERE relation = 'quarantine'::regclass AND NOT granted"


def test_however_many_ask_slowly_readings_are_stored(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga, asyncio.TaskGroup() as tasks:
            async with house.database.transaction() as holding:
                await holding.execute("LOCK TABLE quarantine")
                slow = [tasks.create_task(olga.get("gateways/gw-a")) for _ in range(12)]
                async with asyncio.timeout(10):
                    while await holding.fetchval(ASKING) < 5:
                        await asyncio.sleep(0.01)
                async with asyncio.timeout(3):
                    await house.reading("gw-a", 1.0)
            answers = await asyncio.gather(*slow)
            assert [answer.json()["rejections"] for answer in answers] == [[]] * len(slow)

    visit(act)
