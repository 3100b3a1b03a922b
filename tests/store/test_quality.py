"""The quality of data counts each reading once, whether or not it is rolled up yet."""

from __future__ import annotations

import pytest

from store.database import Database
from store.quality import data_quality
from store.rollups import HOUR_US, MINUTE_US, roll
from store.scope import ALL, Scope
from store.writer import commit
from tests.store.conftest import Play
from tests.store.stretches import T0, readings, stretch
from tests.store.test_alarms import two_enterprises

SPREAD_S = [0, 1800, 3660, 3720, 3750]
"""In a finished hour, and in the hour after it: a finished minute and the running one."""


@pytest.mark.parametrize("received_after_us", [None, 62 * MINUTE_US + 20_000_000, 4 * HOUR_US])
def test_every_reading_counts_once_however_far_roll_ups_are(
    opened: Play, received_after_us: int | None
) -> None:
    async def act(database: Database) -> None:
        await two_enterprises(database)
        rows = [(1, at, 1.0) for at in SPREAD_S] + [(2, 0, 1.0)]
        await commit(database, stretch(0, readings(*rows)))
        if received_after_us is not None:
            async with database.connection() as connection:
                await connection.execute(
                    "UPDATE spine SET received_through = $1", T0 + received_after_us
                )
            await roll(database, now=T0 + received_after_us)
        span = {"since": T0 - HOUR_US, "until": T0 + 5 * HOUR_US}
        first, second = await data_quality(database, ALL, **span)
        assert (first.sensor, first.readings) == (1, len(SPREAD_S))
        assert (second.sensor, second.readings) == (2, 1)
        mill = Scope(enterprises=frozenset({"mill"}))
        assert [row.sensor for row in await data_quality(database, mill, **span)] == [1]

    opened(act)
