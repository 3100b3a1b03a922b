"""Where a bench takes place: a directory, a database, a registry, and fresh brokers."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from alerting import Level, Limit
from domain.assets import Enterprise, Gateway, Region, Sensor, Site
from service import control
from service.bench.given import BenchBroker, GivenBroker
from service.clock import now_us
from service.embedded import Broker, MosquittoBroker, NatsBroker, PostgresServer, ServerFailed
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.migrate import migrate

EMBEDDED: Final = "embedded"
MOSQUITTO: Final = "mosquitto"
START_S: Final = 60.0
SOURCE: Final = "vedette bench"
LIMITS: Final[dict[Level, Limit]] = {
    "HH": Limit(level="HH", setpoint=50.0, deadband=1.0, source=SOURCE),
    "H": Limit(level="H", setpoint=25.0, deadband=1.0, source=SOURCE),
    "L": Limit(level="L", setpoint=1.0, deadband=0.1, source=SOURCE),
    "LL": Limit(level="LL", setpoint=0.5, deadband=0.1, source=SOURCE),
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who publishes: gateways with their passwords and tags.

    For a broker that others administer, `user` is who they all log in as (None: as themselves) and
    `ca_file` the authorities (PEM) that may sign its certificate (None: the machine's).
    """

    passwords: dict[str, str]
    tags: dict[str, list[str]]
    user: str | None = None
    ca_file: str | None = None


def cast_of(gateways: int, sensors: int, kind: str, ca_file: Path | None = None) -> Cast:
    """`sensors` points shared out evenly over `gateways`."""
    names = [f"bench-{k:03d}" for k in range(gateways)]
    each = -(-sensors // gateways)
    tags = {name: [f"p{n:04d}" for n in range(each)] for name in names}
    if kind in {EMBEDDED, MOSQUITTO}:
        return Cast({name: secrets.token_urlsafe(16) for name in names}, tags)
    given = GivenBroker(kind, ca_file)
    login = given.service
    return Cast(dict.fromkeys(names, login.password), tags, login.username, given.ca_file)


def enterable_directory(prefix: str, parent: Path | None) -> Path:
    """A new directory that an unprivileged server may enter."""
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    directory.chmod(0o711)
    return directory


@asynccontextmanager
async def bench_directory(parent: Path | None = None) -> AsyncIterator[Path]:
    """A directory the embedded servers may enter, below `parent`; removed afterwards."""
    directory = await asyncio.to_thread(enterable_directory, "vedette-bench-", parent)
    try:
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


@asynccontextmanager
async def fresh_broker(
    directory: Path, kind: str, cast: Cast, *, program: Path | None = None
) -> AsyncIterator[BenchBroker]:
    """A broker of its own, with the gateways known but not let in yet; or the one at a URL."""
    if kind not in {EMBEDDED, MOSQUITTO}:
        given = GivenBroker(kind, None if cast.ca_file is None else Path(cast.ca_file))
        try:
            yield given
        finally:
            await given.forget()
        return
    place = await asyncio.to_thread(enterable_directory, "broker-", directory)
    if kind == MOSQUITTO:
        broker: Broker = MosquittoBroker(place, port=0, program=program)
    else:
        broker = NatsBroker(place, port=0, program=program)
    async with broker:
        await broker.add_gateways(cast.passwords)
        yield broker


@asynccontextmanager
async def registered_database(directory: Path, cast: Cast) -> AsyncIterator[PostgresServer]:
    """PostgreSQL with the schema and the registry of the cast."""
    async with PostgresServer(directory) as server:
        database = await Database.connect(server.dsn)
        try:
            await migrate(database)
            await add_registry(database, _registry(cast), actor=Actor("bench", now_us()))
        finally:
            await database.close()
        yield server


def _registry(cast: Cast) -> NewRegistry:
    return NewRegistry(
        regions=(Region(id="bench", name="bench", kind="county"),),
        enterprises=(Enterprise(id="bench", name="bench", region="bench"),),
        sites=(Site(id="bench", name="bench", enterprise="bench"),),
        gateways=tuple(Gateway(id=gateway, number=0, site="bench") for gateway in cast.tags),
        sensors=[
            (Sensor(id=0, gateway=gateway, tag=tag, measurand="GAS_LEL", period_s=1.0), LIMITS)
            for gateway, tags in cast.tags.items()
            for tag in tags
        ],
    )


@asynccontextmanager
async def service_process(
    directory: Path, server: PostgresServer, broker: BenchBroker
) -> AsyncIterator[tuple[control.Running, Process]]:
    """`vedette run` as a process of its own, ready and with the gateways let in."""
    login = broker.service
    user, word = quote(login.username, safe=""), quote(login.password, safe="")
    data_dir = directory / "service"
    log = directory / "service.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service", "run",
            env={
                **os.environ,
                "VEDETTE_DATABASE_URL": server.dsn,
                "VEDETTE_MQTT_URL": broker.url.replace("://", f"://{user}:{word}@", 1),
                "VEDETTE_MQTT_REDELIVERY_S": str(broker.redelivery_s),
                "VEDETTE_DATA_DIR": str(data_dir),
                "VEDETTE_HTTP_PORT": "0",
            },
            stdin=DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        async with asyncio.timeout(START_S):
            running = await _announced(data_dir, process, log)
        await broker.admit_gateways()
        yield running, process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _announced(data_dir: Path, process: Process, log: Path) -> control.Running:
    while True:
        if process.returncode is not None:
            said = await asyncio.to_thread(log.read_text, "utf-8", "replace")
            raise ServerFailed(f"the service ended; it said:\n{said[-2000:]}")
        try:
            return control.find(data_dir)
        except control.NoService:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def helper_process(module: str, order: bytes) -> AsyncIterator[Process]:
    """One of the bench's own processes, given its order on the first line of its input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    process.stdin.write(order + b"\n")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
