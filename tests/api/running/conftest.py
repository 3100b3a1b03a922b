"""The running service of `service.py`, one for all tests here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.api.running.service import House, running
from tests.store.conftest import Server


@pytest.fixture(scope="session")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    dsn = asyncio.run(server.make(migrated=True))
    with running(dsn, tmp_path_factory.mktemp("house")) as house:
        yield house
    asyncio.run(server.drop(dsn))


@pytest.fixture
def root(house: House) -> Iterator[httpx.Client]:
    with house.client("root") as client:
        yield client


@pytest.fixture
def olga(house: House) -> Iterator[httpx.Client]:
    """An operator who sees everything."""
    with house.client("olga") as client:
        yield client


@pytest.fixture
def alice(house: House) -> Iterator[httpx.Client]:
    """The enterprise acme's own account."""
    with house.client("alice") as client:
        yield client


@pytest.fixture
def bob(house: House) -> Iterator[httpx.Client]:
    """An operator of the enterprise bolt."""
    with house.client("bob") as client:
        yield client
