"""A database that answers with an error: each kind says what it is, what to do, and is logged once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from store.database import Database
from tests.api.small_house import House
from tests.api.visits import Visit

LISTED = "alarms?state=closed"
ADDED = {"id": "north", "name": "北镇", "kind": "town", "parent": "county"}


async def said(house: House, *statements: str) -> None:
    async with house.database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)


async def set_for_all(house: House, setting: str) -> None:
    """For every connection from now on, the pool's as well."""
    async with house.database.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET {setting}")
    await house.database._pool.expire_connections()


def problem(answer: httpx.Response, slug: str, *, says: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == f"urn:vedette:problem:{slug}"
    assert says in answer.json()["detail"]
    assert "Traceback" not in answer.text
    assert answer.headers["retry-after"]


def logged_once(caplog: pytest.LogCaptureFixture, says: str) -> None:
    """One line that says it, and no traceback."""
    [line] = [r for r in caplog.records if r.name == "api.problems"]
    assert says in line.getMessage()
    assert line.exc_info is None
    caplog.clear()


@asynccontextmanager
async def locked_alarms(house: House) -> AsyncIterator[None]:
    async with house.database.transaction() as connection:
        await connection.execute("LOCK TABLE alarms")
        yield


async def end_waiting(database: Database, function: str) -> None:
    """Cancel or terminate whoever waits for the lock, as an administrator or a shutdown would."""
    async with asyncio.timeout(10), database.connection() as connection:
        while not await connection.fetchval(
            f"SELECT count({function}(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


def test_what_an_administrator_must_mend_is_said_to_be_so(
    visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            await said(house, "ALTER TABLE alarms RENAME TO mislaid")  # 42P01
            caplog.clear()
            missing = await olga.get(LISTED)
            problem(missing, "database_refuses", says='relation "alarms" does not exist')
            assert "vedette migrate" in missing.json()["detail"]
            logged_once(caplog, "alarms")
            chinese = await olga.get(LISTED, headers={"Accept-Language": "zh-CN"})
            assert "vedette migrate" in chinese.json()["detail"]
            await said(house, "ALTER TABLE mislaid RENAME TO alarms")

            async with house.signed_in("admin") as admin:  # refused only after it was kept
                await said(house, "ALTER TABLE limits RENAME TO mislaid")
                changed = await admin.patch("sites/alpha-1", json={"name": "新名"})
                problem(changed, "kept_not_in_force", says="kept")
                await said(house, "ALTER TABLE mislaid RENAME TO limits")

            await set_for_all(house, "role TO pg_monitor")  # 42501: one that owns nothing here
            caplog.clear()
            problem(await olga.get(LISTED), "database_refuses", says="permission denied")
            logged_once(caplog, "permission denied")

    visit(act)


def test_what_works_without_the_database_works_with_one_that_refuses(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            await set_for_all(house, "role TO pg_monitor")
            async with house.signed_in("vera"):  # keeps her session in memory
                figures = (await olga.get("stats/overview")).json()
                assert (figures["sensors"]["total"], figures["raised_today"]) == (2, None)
                assert (await olga.get("gateways/gw-a")).json()["rejections"] is None
                assert (await olga.get("alarms?state=open")).status_code == 200

    visit(act)


def test_what_the_database_could_not_do_now_may_be_tried_again(
    visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("admin") as admin:
            caplog.clear()
            async with locked_alarms(house), asyncio.TaskGroup() as tasks:  # 57014
                slow = tasks.create_task(admin.get(LISTED))
                await end_waiting(house.database, "pg_cancel_backend")
            problem(slow.result(), "database_failed", says="canceling statement")
            logged_once(caplog, "canceling statement")
            assert house.database.available

            async with locked_alarms(house), asyncio.TaskGroup() as tasks:  # 57P01
                cut = tasks.create_task(admin.get(LISTED))
                await end_waiting(house.database, "pg_terminate_backend")
            problem(cut.result(), "database_away", says="needs the database")

            await said(
                house,
                "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE 'it is so' USING ERRCODE = TG_ARGV[0]; END $$",
            )
            for code in ("53100", "40001"):  # a full disk, a serialization failure
                await said(
                    house,
                    "CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON regions "
                    f"EXECUTE FUNCTION fails('{code}')",
                )
                problem(await admin.post("regions", json=ADDED), "database_failed", says="it is so")
                logged_once(caplog, "it is so")
            await said(house, "DROP TRIGGER fails ON regions")

            await set_for_all(house, "default_transaction_read_only = on")  # 25006
            caplog.clear()
            refused = await admin.post("regions", json=ADDED)
            problem(refused, "database_failed", says="read-only")
            logged_once(caplog, "read-only")
            assert (await admin.get(LISTED)).status_code == 200

    visit(act)


def test_a_fault_of_ours_is_logged_under_the_number_that_is_told(
    visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("admin") as admin:
            await said(house, "ALTER TABLE regions ADD CHECK (name <> '北镇')")  # 23514
            caplog.clear()
            answer = await admin.post("regions", json=ADDED)
            assert answer.status_code == 500
            assert "北镇" not in answer.text
            [line] = [r for r in caplog.records if r.levelno >= logging.ERROR]
            incident = answer.json()["detail"].split(" as ")[1].split(";")[0]
            assert incident in line.getMessage()
            assert line.exc_info is not None

    visit(act)
