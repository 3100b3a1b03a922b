"""What ingest refused reaches the database, within bounds, and what gives way is counted."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from domain.wire import MAX_ERRORS, Cause, Rejection
from ingest import Quarantined
from service.refused import BOUND, GROUP, MOST_BYTES, RefusedKeeper
from store.database import Database
from store.quarantine import list_quarantined
from store.scope import ALL
from tests.service.stage import now_us
from tests.store.conftest import Scene


def refused(errors: int = 1, *, payload: bytes = b"{}") -> Quarantined:
    mistakes = tuple(
        Rejection(f"readings[{k}].v", "v is missing", Cause.VALUE) for k in range(errors)
    )
    return Quarantined("box", None, "vedette/v1/box/telemetry", now_us(), mistakes, payload)


async def stored(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM quarantine"))


async def until_stored(database: Database, rows: int) -> None:
    async with asyncio.timeout(20):
        while await stored(database) != rows:
            await asyncio.sleep(0.02)


def test_the_payload_of_a_message_is_kept_once_and_shown_with_its_first_mistake(
    scene: Scene[None],
) -> None:
    async def act(database: Database) -> None:
        keeper = RefusedKeeper()
        running = asyncio.ensure_future(keeper.run(database))
        keeper.offer(refused(payload=b"earlier"))
        keeper.offer(refused(3, payload=b"later"))
        await until_stored(database, 4)
        shown = await list_quarantined(database, ALL, "box")
        assert [(row.path, row.payload) for row in shown] == [
            ("readings[0].v", b"later"),
            ("readings[1].v", b""),
            ("readings[2].v", b""),
            ("readings[0].v", b"earlier"),
        ]
        running.cancel()

    scene(act)


def test_what_waits_is_bounded_in_bytes_and_the_oldest_gives_way() -> None:
    keeper = RefusedKeeper()
    for _ in range(BOUND):
        keeper.offer(refused(MAX_ERRORS, payload=b"x" * 4096))
    assert MOST_BYTES / 2 < keeper.waiting_bytes <= MOST_BYTES
    assert 0 < keeper.dropped < BOUND


def test_what_waits_is_bounded_in_number() -> None:
    keeper = RefusedKeeper()
    for _ in range(BOUND + 7):
        keeper.offer(refused())
    assert keeper.dropped == 7


def test_what_is_offered_while_rows_are_written_is_kept_or_counted(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        keeper = RefusedKeeper()
        offered = GROUP + BOUND + 50
        async with database.transaction() as other:
            await other.execute("LOCK TABLE quarantine IN ACCESS EXCLUSIVE MODE")
            for _ in range(GROUP):
                keeper.offer(refused())
            running = asyncio.ensure_future(keeper.run(database))
            async with asyncio.timeout(10):
                while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.02)
            for _ in range(BOUND + 50):
                keeper.offer(refused())
        await until_stored(database, offered - keeper.dropped)
        assert keeper.dropped == 50
        assert keeper.waiting_bytes == 0
        running.cancel()

    scene(act)


def test_a_database_that_refuses_them_ends_nothing_and_gets_them_later(
    scene: Scene[None],
) -> None:
    async def act(database: Database) -> None:
        keeper = RefusedKeeper()
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE quarantine RENAME TO elsewhere")
        running = asyncio.ensure_future(keeper.run(database))
        with capture_logs() as told:
            keeper.offer(refused())
            async with asyncio.timeout(10):
                while not told:
                    await asyncio.sleep(0.01)
        assert [(line["event"], line["log_level"]) for line in told] == [
            ("quarantine.waiting", "warning")
        ]
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE elsewhere RENAME TO quarantine")
        await until_stored(database, 1)
        assert not running.done()
        running.cancel()

    scene(act)


def test_a_stop_waits_for_what_is_in_hand(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        keeper = RefusedKeeper()
        for _ in range(3):
            keeper.offer(refused())
        running = asyncio.ensure_future(keeper.run(database))
        async with asyncio.timeout(10):
            await keeper.drained()
        running.cancel()
        assert await stored(database) == 3
        async with asyncio.timeout(1):
            await keeper.drained()  # nothing is there to wait for

    scene(act)
