"""A whole house for acceptance tests: real PostgreSQL, real broker, and services as processes.

Two services may take the same messages from the same broker at the same time, each with its own
session, journal and database: one that is killed, and a control that is not.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import asyncpg

from alerting import Limit
from domain.assets import Enterprise, Gateway, Region, Sensor, Site
from service import control
from service.embedded import Broker as EmbeddedBroker
from service.embedded import MosquittoBroker, NatsBroker, PostgresServer
from simulators.broker import Broker, Login
from simulators.load import LoadGateway
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.migrate import migrate

HIGH = Limit(level="H", setpoint=50.0, deadband=2.0, source="acceptance test")


async def until(
    claim: Callable[[], Awaitable[bool]], *, within_s: float, what: str, every_s: float = 0.05
) -> None:
    """Wait for a claim to come true, or fail."""
    deadline = time.monotonic() + within_s
    while not await claim():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(every_s)


class Service:
    """One `vedette run` process, killed and started as the test likes."""

    def __init__(self, name: str, house: House, database_url: str) -> None:
        self.name = name
        self.data_dir = house.directory / name
        self.database_url = database_url
        self.log = house.directory / f"{name}.log"
        self.settings: dict[str, str] = {}
        """Variables of this service alone, over those of every house."""
        self._house = house
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def journal(self) -> Path:
        return self.data_dir / "journal" / "journal.sqlite"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        broker = self._house.broker
        login = broker.service
        credentials = f"{quote(login.username, safe='')}:{quote(login.password, safe='')}"
        return {
            **os.environ,
            "VEDETTE_DATABASE_URL": self.database_url,
            "VEDETTE_MQTT_URL": f"mqtt://{credentials}@127.0.0.1:{broker.port}",
            "VEDETTE_MQTT_REDELIVERY_S": str(broker.redelivery_s),
            "VEDETTE_DATA_DIR": str(self.data_dir),
            "VEDETTE_HTTP_PORT": "0",
            "VEDETTE_JOURNAL_KEEP": "true",
            "VEDETTE_CHECKPOINT_S": "2",
            "VEDETTE_ADMIN_PASSWORD": "correct horse 7 battery",
            **self.settings,
        }

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service", "run"],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    async def ready(self, *, within_s: float = 30.0) -> control.Running:
        """Wait until the service takes readings."""

        async def announced() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()[-4000:]
            try:
                return control.find(self.data_dir).pid == self.pid
            except control.NoService:
                return False

        await until(announced, within_s=within_s, what=f"service {self.name} is ready")
        return control.find(self.data_dir)

    def kill(self) -> None:
        """SIGKILL, as the machine's worst day would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


class House:
    """PostgreSQL, a broker, gateways with sensors; services are added as needed."""

    def __init__(self, *, gateways: int = 10, sensors: int = 20, mosquitto: bool = False) -> None:
        # Not pytest's directory: as root the servers run as an account that cannot enter it.
        self.directory = directory = Path(tempfile.mkdtemp(prefix="vedette-house-", dir="/tmp"))
        directory.chmod(0o711)
        self.postgres: PostgresServer
        kind = MosquittoBroker if mosquitto else NatsBroker
        self.broker: EmbeddedBroker = kind(directory, port=0)
        self._gateways = {
            f"gw-{k}": tuple(f"s{k}.{n}" for n in range(sensors)) for k in range(gateways)
        }
        self._passwords = {gateway: f"password of {gateway}" for gateway in self._gateways}
        self._services: list[Service] = []
        self._stack = AsyncExitStack()
        self._database = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self.start_postgres()
            stack.push_async_callback(self.stop_postgres)
            await stack.enter_async_context(self.broker)
            await self.broker.add_gateways(self._passwords)
            self._stack = stack.pop_all()
        return self

    async def start_postgres(self) -> None:
        """Bring the database (back); its address stays."""
        self.postgres = PostgresServer(self.directory)
        await self._database.enter_async_context(self.postgres)

    async def stop_postgres(self) -> None:
        """Take the database away."""
        await self._database.aclose()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for service in self._services:
            if service.alive():
                service.kill()
        await self._stack.__aexit__(kind, error, trace)
        if kind is None:
            shutil.rmtree(self.directory)

    @property
    def address(self) -> Broker:
        return Broker("127.0.0.1", self.broker.port)

    def login(self, gateway: str) -> Login:
        return Login(gateway, self._passwords[gateway])

    def load_gateways(self) -> tuple[LoadGateway, ...]:
        return tuple(
            LoadGateway(gateway=gateway, login=self.login(gateway), tags=tags)
            for gateway, tags in self._gateways.items()
        )

    async def add_service(self, name: str) -> Service:
        """A database with the registry in it, and a service that is not started yet."""
        url = await self._make_database(name)
        database = await Database.connect(url)
        try:
            await migrate(database)
            await add_registry(
                database, self._registry(), actor=Actor("test", time.time_ns() // 1000)
            )
        finally:
            await database.close()
        service = Service(name, self, url)
        self._services.append(service)
        return service

    async def _make_database(self, name: str) -> str:
        connection = await asyncpg.connect(self.postgres.superuser_dsn)
        try:
            await connection.execute(f'CREATE DATABASE "{name}" OWNER vedette')
        finally:
            await connection.close()
        return urlsplit(self.postgres.dsn)._replace(path=f"/{name}").geturl()

    def _registry(self) -> NewRegistry:
        return NewRegistry(
            regions=(Region(id="county", name="County", kind="county"),),
            enterprises=(Enterprise(id="works", name="Works", region="county"),),
            sites=(Site(id="yard", name="Yard", enterprise="works"),),
            gateways=tuple(
                Gateway(id=gateway, number=0, site="yard") for gateway in self._gateways
            ),
            sensors=[
                (
                    Sensor(id=0, gateway=gateway, tag=tag, measurand="GAS_LEL", period_s=1.0),
                    {"H": HIGH},
                )
                for gateway, tags in self._gateways.items()
                for tag in tags
            ],
        )
