"""A real broker for the simulators: the embedded one, below a directory its account may enter."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import aiomqtt
import pytest

from service.embedded.nats import NatsBroker
from simulators.broker import Broker, Login

DEADLINE_S = 20.0


class House(NamedTuple):
    """The broker as a publisher sees it, and the launcher behind it."""

    broker: Broker
    server: NatsBroker

    def login(self, gateway: str) -> Login:
        return Login(gateway, f"password-of-{gateway}")

    def service_client(self, identifier: str) -> aiomqtt.Client:
        return aiomqtt.Client(
            self.broker.host,
            self.broker.port,
            identifier=identifier,
            username=self.server.service.username,
            password=self.server.service.password,
            clean_session=False,
        )


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def open_house(
    data_dir: Path,
) -> Callable[[Iterable[str]], contextlib.AbstractAsyncContextManager[House]]:
    @contextlib.asynccontextmanager
    async def opened(gateways: Iterable[str]) -> AsyncIterator[House]:
        async with NatsBroker(data_dir, port=0) as server:
            await server.add_gateways({name: f"password-of-{name}" for name in gateways})
            await server.admit_gateways()
            yield House(Broker.from_url(server.url), server)

    return opened


def now_us() -> int:
    return time.time_ns() // 1000


async def until(met: Callable[[], bool], *, within_s: float = DEADLINE_S) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    async with asyncio.timeout(within_s):
        while not met():
            await asyncio.sleep(0.01)
