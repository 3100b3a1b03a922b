"""Forgetting goes on when nothing else does: it is what makes room on a full disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from service import forgetting
from service.forgetting import Forgetting, clock_refused_s
from service.upkeep import keep_indexed
from store.database import Database
from store.retention import Keep
from store.writer import commit, open_epoch
from tests.store.conftest import Scene
from tests.store.stretches import JOURNAL, SECOND, START, T0, readings, stretch

DAY = 86_400 * SECOND


async def readings_kept(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM readings"))


async def until(claim: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not await claim():
            await asyncio.sleep(0.02)


def test_forgetting_goes_on_where_no_index_can_be_made(
    scene: Scene[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "FORGET_EVERY_S", 0.05)

    async def act(database: Database) -> None:
        await open_epoch(database, JOURNAL, first_position=START, now=T0)
        days = [(7, -86_400.0 * ago, 1.0) for ago in (500, 5, 0)]  # kept raw: 90 or 400
        await commit(database, stretch(0, readings(*days)))
        async with database.connection() as connection:
            for name in await connection.fetch(
                "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
                "WHERE inhparent = 'readings'::regclass"
            ):
                # As on a full disk, none of the indexes can be made.
                await connection.execute(f"CREATE TABLE {name['name']}_sensor ()")
        tasks = [
            asyncio.create_task(Forgetting(database, Keep(), clock=lambda: T0).run()),
            asyncio.create_task(keep_indexed(database, clock=lambda: T0)),
        ]

        async def forgotten() -> bool:
            return await readings_kept(database) == 2

        await until(forgotten)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    scene(act)


def test_a_clock_that_is_not_believed_is_told_once(
    scene: Scene[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "FORGET_EVERY_S", 0.05)
    asked = 0

    def ten_years_ahead() -> int:
        nonlocal asked
        asked += 1
        return T0 + 3650 * DAY

    async def act(database: Database) -> None:
        await open_epoch(database, JOURNAL, first_position=START, now=T0)
        await commit(database, stretch(0, readings((7, 0, 1.0))))
        with capture_logs() as told:
            forgets = Forgetting(database, Keep(), clock=ten_years_ahead)
            task = asyncio.create_task(forgets.run())
            async with asyncio.timeout(20):
                while asked < 4:
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
        assert [line["event"] for line in told] == ["retention.clock_refused"]
        assert forgets.clock_ahead_s is not None
        assert forgets.clock_ahead_s > 3649 * 86_400
        assert await clock_refused_s(database, Keep(), now=ten_years_ahead()) is not None
        assert await clock_refused_s(database, Keep(), now=T0 + DAY // 2) is None
        assert await readings_kept(database) == 1

    scene(act)


def test_nothing_is_forgotten_in_the_first_hour(
    scene: Scene[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 3600.0
        began.set()
        await asyncio.Event().wait()

    async def act(database: Database) -> None:
        # Not asyncio's own: a service of other tests runs in another thread.
        monkeypatch.setattr(forgetting, "asyncio", SimpleNamespace(sleep=sleep))
        task = asyncio.create_task(Forgetting(database, Keep(), clock=time.time_ns).run())
        async with asyncio.timeout(10):
            await began.wait()
        assert not database.available  # it was not even asked
        task.cancel()
        await asyncio.wait([task])

    scene(act)
