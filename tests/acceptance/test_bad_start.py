"""What stands in the way of a start is told in one line, with the exit code of the contract."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import msgspec
import pytest

from service.standby import Standby
from store.journal import open_journal
from tests.acceptance.commands import environment, vedette
from tests.acceptance.house import House, Service, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

NOBODY = "postgresql://vedette@127.0.0.1:1/vedette"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VEDETTE_HTTP_PORT", "abc", "http_port"),
        ("VEDETTE_HTTP_PORT", "70000", "http_port"),
        (f"VEDETTE_HTTP_{'PROT'}", "8000", "did you mean VEDETTE_HTTP_PORT?"),
        ("VEDETTE_JOURNAL_MAX_MIB", "1", "journal_max_mib"),
        ("VEDETTE_JOURNAL_URL", "nats://localhost", "journal_url"),
        ("VEDETTE_DATABASE_URL", "mysql://localhost/vedette", "database_url"),
        ("VEDETTE_DATABASE_URL", "postgresql://localhost:port/x", "database_url"),
        ("VEDETTE_MQTT_URL", "localhost:1883", "mqtt_url"),
        ("VEDETTE_TIME_ZONE", "Mars/Olympus", "time_zone"),
        ("VEDETTE_HEARTBEAT_URL", "ftp://example.org", "heartbeat_url"),
        ("VEDETTE_LOG_LEVEL", "loud", "log_level"),
        ("VEDETTE_RAW_DAYS", "-1", "raw_days"),
    ],
)
def test_a_wrong_setting_is_wrong_use_and_names_itself(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    told = vedette("run", "--data-dir", str(tmp_path), variables={name: value})
    told.refused(2, words, "docs/settings.md")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"VEDETTE_HTTP_PORT = 8000", "VEDETTE_HTTP_PORT: there is no such setting"),
        (b"nonsense = 1", "nonsense: there is no such setting"),
        (b"http_port = = 1", "line 1"),
        (b"\xff", "decode"),
        (None, "No such file"),
    ],
    ids=["variable's name", "unknown name", "no TOML", "no text", "no file"],
)
def test_a_settings_file_that_cannot_be_used_is_wrong_use(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "vedette.toml"
    if content is not None:
        file.write_bytes(content)
    told = vedette("run", "--data-dir", str(tmp_path), variables={"VEDETTE_CONFIG": str(file)})
    told.refused(2, words)


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "data"
    for command in ("run", "demo"):
        vedette(command, "--data-dir", str(place)).refused(1, str(place), "--data-dir")


@pytest.mark.parametrize("option", ["--port", "--mqtt-port"])
def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"--port": "0", "--mqtt-port": "0"} | {option: port}
        options = [word for pair in ports.items() for word in pair]
        vedette("demo", "--data-dir", str(tmp_path), *options).refused(1, port)
    assert not list(tmp_path.rglob("postmaster.pid"))


def test_a_first_start_without_a_database_waits_and_then_says_so(tmp_path: Path) -> None:
    vedette(
        "run", "--data-dir", str(tmp_path), "--port", "0",
        variables={"VEDETTE_DATABASE_URL": NOBODY, "VEDETTE_DATABASE_WAIT_S": "1"},
    ).refused(1, "first start", "VEDETTE_DATABASE_URL")  # fmt: skip


def test_a_start_that_waits_for_the_database_hears_the_order_to_stop(tmp_path: Path) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "service", "run", "--data-dir", str(tmp_path), "--port", "0"],
        env=environment({"VEDETTE_DATABASE_URL": NOBODY}),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    with waiting, waiting.stderr:
        assert "database.waiting" in waiting.stderr.readline()
        asked = time.monotonic()
        waiting.terminate()
        assert waiting.wait(30) == 0
        assert time.monotonic() - asked < 5


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "journal.sqlite"

    async def born() -> None:
        journal = await open_journal(f"sqlite:///{path}", now_s=1_790_000_000)
        await journal.close()

    asyncio.run(born())
    with sqlite3.connect(path) as file:
        file.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    file.close()
    vedette("run", "--data-dir", str(tmp_path), "--port", "0").refused(1, str(path), "format 99")


def test_a_standby_copy_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Standby(tmp_path / "standby")
    copy = tmp_path / "standby" / "checkpoint"
    newer = msgspec.msgpack.encode({"format": 99, "crc32": 0, "data": b""})
    copy.write_bytes(newer)
    vedette("run", "--data-dir", str(tmp_path), "--port", "0").refused(1, str(copy), "format 99")
    assert copy.read_bytes() == newer


Scene = Callable[[House, Service], Awaitable[None]]


def play(scene: Scene) -> None:
    """On a house whose service runs."""

    async def run() -> None:
        async with House(gateways=1, sensors=1) as house:
            service = await house.add_service("service")
            service.start()
            await service.ready()
            await scene(house, service)

    asyncio.run(run())


def test_a_second_service_on_the_same_data_directory_is_refused_and_the_first_goes_on() -> None:
    async def scene(_: House, service: Service) -> None:
        second = await asyncio.to_thread(vedette, "run", variables=service.environment)
        second.refused(1, "journal.sqlite", "in use by another process")
        first = await service.ready()
        assert first.pid == service.pid

    play(scene)


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    async def scene(_: House, service: Service) -> None:
        assert service.stop() == 0
        connection = await asyncpg.connect(service.database_url)
        await connection.execute(
            "INSERT INTO schema_migrations (number, file, checksum) VALUES (9999, 'n.sql', '')"
        )
        await connection.close()
        for command in ("run", "migrate"):
            again = await asyncio.to_thread(vedette, command, variables=service.environment)
            again.refused(1, "schema 9999", "newer version")

    play(scene)


def test_without_a_database_a_later_start_goes_on_from_the_copy() -> None:
    async def scene(house: House, service: Service) -> None:
        async def copied() -> bool:
            return (service.data_dir / "standby" / "checkpoint").exists()

        await until(copied, within_s=15, what="a checkpoint is copied")
        await house.stop_postgres()
        service.kill()
        service.start()
        await service.ready()
        assert '"going_on_with": "standby copy"' in service.log.read_text()
        (service.data_dir / "standby" / "registry").write_bytes(b"torn")
        service.kill()
        again = await asyncio.to_thread(vedette, "run", variables=service.environment)
        again.refused(1, "no copy of the registry", "start PostgreSQL")

    play(scene)
