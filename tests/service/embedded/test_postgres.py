"""The embedded PostgreSQL: who may connect, and what survives."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from service.embedded import PostgresServer


def test_it_listens_on_a_unix_socket_only(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            kinds = {wire.laddr for wire in psutil.Process(server.pid).net_connections("inet")}
            assert kinds == set()

    asyncio.run(scene())


def test_a_wrong_password_and_none_are_refused(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            socket = parse_qs(urlsplit(server.dsn).query)["host"][0]
            for password in ("wrong", None):
                with pytest.raises(asyncpg.InvalidPasswordError):
                    await asyncpg.connect(
                        host=socket, user="vedette", database="vedette", password=password
                    )

    asyncio.run(scene())


def test_the_owner_of_the_database_has_no_other_rights_and_the_text_is_utf8(
    data_dir: Path,
) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            connection = await asyncpg.connect(server.dsn)
            row = await connection.fetchrow(
                """SELECT rolsuper, rolcreaterole, rolbypassrls, rolpassword,
                       (SELECT pg_get_userbyid(datdba) FROM pg_database
                        WHERE datname = current_database()) AS owner,
                       current_setting('server_encoding') AS encoding,
                       (SELECT datcollate FROM pg_database
                        WHERE datname = current_database()) AS locale
                   FROM pg_roles WHERE rolname = current_user"""
            )
            await connection.close()
            assert tuple(row)[:3] == (False, False, False)
            assert (row["owner"], row["encoding"], row["locale"]) == ("vedette", "UTF8", "C.UTF-8")

    asyncio.run(scene())


def test_passwords_are_kept_as_scram(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            connection = await asyncpg.connect(server.superuser_dsn)
            kept = await connection.fetch("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")
            await connection.close()
            assert {row["rolpassword"].partition("$")[0] for row in kept} == {"SCRAM-SHA-256"}

    asyncio.run(scene())


def test_data_survives_a_restart_and_a_kill(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            await connection.close()
        async with PostgresServer(data_dir) as server:
            killed = server.pid
            server.signal(signal.SIGKILL)
            async with asyncio.timeout(20):
                while server.pid in (None, killed) or not await server.is_ready():
                    await asyncio.sleep(0.02)
            connection = await asyncpg.connect(server.dsn)
            assert await connection.fetchval("SELECT answer FROM kept") == 42
            await connection.close()

    asyncio.run(scene())


def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_a_start(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            pid_file = server.cluster / "postmaster.pid"
            lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
        async with PostgresServer(data_dir) as server:
            assert server.pid is not None

    asyncio.run(scene())


def test_a_stranger_who_stands_in_the_cluster_is_let_be(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir) as server:
            cluster = server.cluster
        with subprocess.Popen(["/bin/sleep", "60"], cwd=cluster) as stranger:
            async with PostgresServer(data_dir):
                assert stranger.poll() is None
            stranger.kill()

    asyncio.run(scene())


def test_a_first_start_that_was_interrupted_is_begun_anew(data_dir: Path) -> None:
    async def scene() -> None:
        (data_dir / "postgres" / "cluster.new").mkdir(parents=True)
        (data_dir / "postgres").chmod(0o711)
        (data_dir / "postgres" / "cluster.new" / "half").touch()
        async with PostgresServer(data_dir) as server:
            assert not (server.cluster / "half").exists()

    asyncio.run(scene())


def test_a_long_data_directory_gets_a_short_socket_path(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(data_dir))

    async def scene() -> None:
        deep = data_dir / ("d" * 80)
        deep.mkdir(mode=0o711)
        async with PostgresServer(deep) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.close()

    asyncio.run(scene())
