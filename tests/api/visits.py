"""A fresh house for each test: see `small_house.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.api.small_house import House, house
from tests.store.conftest import Server

Act = Callable[[House], Awaitable[None]]
Visit = Callable[[Act], None]


def _visit(server: Server, folder: Path, *, database_away: bool) -> Visit:
    def play(act: Act) -> None:
        async def whole() -> None:
            dsn = await server.make(migrated=True)
            try:
                async with (
                    asyncio.timeout(60),
                    house(dsn, folder, database_away=database_away) as h,
                ):
                    await act(h)
            finally:
                await server.drop(dsn)

        asyncio.run(whole())

    return play


@pytest.fixture
def visit(server: Server, tmp_path: Path) -> Visit:
    """Runs a coroutine function in a house."""
    return _visit(server, tmp_path, database_away=False)


@pytest.fixture
def visit_without_database(server: Server, tmp_path: Path) -> Visit:
    """As `visit`, where the application cannot reach the database."""
    return _visit(server, tmp_path, database_away=True)
