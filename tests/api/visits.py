"""A fresh house for each test: see `small_house.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.api.small_house import House, house
from tests.store.conftest import Server

Act = Callable[[House], Awaitable[None]]
Visit = Callable[[Act], None]


def _visit(
    server: Server,
    folder: Path,
    *,
    database_away: bool = False,
    trusted_proxies: Sequence[str] = (),
) -> Visit:
    def play(act: Act) -> None:
        async def whole() -> None:
            dsn = await server.make(migrated=True)
            try:
                async with (
                    asyncio.timeout(60),
                    house(
                        dsn, folder, database_away=database_away, trusted_proxies=trusted_proxies
                    ) as h,
                ):
                    await act(h)
            finally:
                await server.drop(dsn)

        asyncio.run(whole())

    return play


@pytest.fixture
def visit(server: Server, tmp_path: Path) -> Visit:
    """Runs a coroutine function in a house."""
    return _visit(server, tmp_path)


@pytest.fixture
def visit_without_database(server: Server, tmp_path: Path) -> Visit:
    """As `visit`, where the application cannot reach the database."""
    return _visit(server, tmp_path, database_away=True)


@pytest.fixture
def visit_behind_a_proxy(server: Server, tmp_path: Path) -> Visit:
    """As `visit`, where what this machine says of the caller's address is believed."""
    return _visit(server, tmp_path, trusted_proxies=["127.0.0.1"])
