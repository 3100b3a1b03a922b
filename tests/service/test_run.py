"""A start whose broker is away: the service is up all the same, and lets gateways in later."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest import Ingest
from service import control, run
from service.brokers import BrokerAccess
from service.demo import access_to
from service.embedded import NatsBroker, ServerFailed
from service.run import serve
from service.settings import Settings
from tests.service.embedded.conftest import data_dir
from tests.store.conftest import Server

__all__ = ["data_dir"]


async def until(claim: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not claim():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(settings: Settings, broker: BrokerAccess) -> AsyncIterator[list[Ingest]]:
    ingests: list[Ingest] = []
    task = asyncio.create_task(serve(settings, broker=broker, on_ingest=ingests.append))
    try:
        yield ingests
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


def has_session(ingests: list[Ingest]) -> bool:
    session = ingests[0].session
    return session is not None and session.ready.is_set()


async def readiness(data_dir: Path) -> str:
    url = control.find(data_dir).url

    def ask() -> str:
        try:
            with urllib.request.urlopen(f"{url}/readyz") as answer:
                return str(answer.read())
        except urllib.error.HTTPError as answer:
            return str(answer.read())

    return await asyncio.to_thread(ask)


@pytest.fixture
def settings(server: Server, data_dir: Path) -> Settings:
    database_url = asyncio.run(server.make(migrated=True))
    return Settings(data_dir=data_dir, database_url=SecretStr(database_url), http_port=0)


def broker_to_come(data_dir: Path) -> NatsBroker:
    """A broker that is not started yet, on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return NatsBroker(data_dir, port=port)


def test_a_start_without_a_broker_is_ready_and_admits_gateways_once_its_session_exists(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SESSION_S", 0.3)
    monkeypatch.setattr(run, "ADMIT_AGAIN_S", 0.01)
    told: list[str] = []
    monkeypatch.setattr(run, "notify_systemd", told.append)
    had_session: list[bool] = []

    async def scene() -> None:
        broker = broker_to_come(settings.data_dir)

        async def admit() -> None:
            had_session.append(has_session(ingests))
            if len(had_session) == 1:
                raise ServerFailed("it did not take the new users")
            await broker.admit_gateways()

        access = dataclasses.replace(access_to(broker), admit=admit)
        async with serving(settings, access) as ingests:
            await until(lambda: told == ["READY=1"])
            control.find(settings.data_dir)  # commands find it
            assert "no session with the broker" in await readiness(settings.data_dir)
            assert had_session == []
            async with broker:
                await until(lambda: len(had_session) == 2)
                assert all(had_session)

    asyncio.run(scene())


def test_a_start_whose_broker_comes_in_time_admits_gateways_before_it_is_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(run, "notify_systemd", order.append)

    async def scene() -> None:
        broker = broker_to_come(settings.data_dir)

        async def admit() -> None:
            assert has_session(ingests)
            await broker.admit_gateways()
            order.append("gateways are let in")

        access = dataclasses.replace(access_to(broker), admit=admit)
        async with serving(settings, access) as ingests, broker:
            await until(lambda: len(order) == 2)

    asyncio.run(scene())
    assert order == ["gateways are let in", "READY=1"]
