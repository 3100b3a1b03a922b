"""mosquitto as the broker, where it is installed: persistent, unlimited queue, access by name.

The rules are those of `deploy/mosquitto.conf`, which this class writes for its own directory. Users
are changed by rewriting the password file and SIGHUP; mosquitto reads it at once and cuts nobody.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from service.embedded.broker import Broker, Violation
from service.embedded.mosquitto_config import access_rules, server_configuration
from service.embedded.passwords import pbkdf2_hash
from service.embedded.place import own_directory, reachable_program, write_private
from service.embedded.server import ServerFailed

_RUNNING: Final = re.compile(r"mosquitto version \S+ running")
"""Said once it listens; that something answers at our port is no proof that it is mosquitto."""
_RELOADING: Final = "Reloading config."
_SAY_AGAIN_S: Final = 0.3
_SEARCHED: Final = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", os.defpath))


def mosquitto_program() -> str | None:
    """Where this machine has mosquitto; Debian puts it where an ordinary user does not look."""
    return shutil.which("mosquitto", path=_SEARCHED)


class MosquittoBroker(Broker):
    """mosquitto as MQTT broker; see `Broker` for what it offers.

    Args:
        data_dir: Vedette's data directory.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one at each start.
        on_violation: Never called: mosquitto reports forbidden publishes only in a log so
            detailed that it costs most of the throughput.
        program: mosquitto; left out, the one that is installed.
        save_every_change: Write sessions and queues after every change, not every five seconds.
        run_as: Account to run as when we are root.
    """

    part = "mosquitto"
    death_signal = signal.SIGTERM
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGTERM, 10.0),
        (signal.SIGKILL, 5.0),
    )
    redelivery_s = 0.0

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        on_violation: Violation = lambda _gateway, _topic: None,
        program: Path | None = None,
        save_every_change: bool = False,
        run_as: str | None = None,
    ) -> None:
        super().__init__(data_dir, host=host, port=port, on_violation=on_violation, run_as=run_as)
        self._wanted_program = program
        self._program = program or Path()
        self._save_every_change = save_every_change
        self._running = False
        self._reloading = asyncio.Event()

    def hash_password(self, password: str) -> str:
        return pbkdf2_hash(password)

    async def prepare(self) -> None:
        self._running = False
        found = self._wanted_program or mosquitto_program()
        if found is None:
            raise ServerFailed("mosquitto is not installed; install it or use the nats broker")
        self._program = await asyncio.to_thread(
            reachable_program, Path(found), self.directory, self.account
        )
        self.port = self.port or _free_port(self.host)
        write_private(self.directory / "access.acl", access_rules(self.service), self.account)
        write_private(
            self._configuration,
            server_configuration(
                host=self.host,
                port=self.port,
                passwords=self.directory / "passwords",
                access=self.directory / "access.acl",
                store=own_directory(self.directory / "store", self.account),
                save_every_change=self._save_every_change,
            ),
            self.account,
        )
        self._write_passwords(self._hashes if self._admitted else {})

    def command(self) -> Sequence[str]:
        return [str(self._program), "-c", str(self._configuration)]

    def heard(self, line: str) -> None:
        super().heard(line)
        if _RUNNING.search(line):
            self._running = True
        elif _RELOADING in line:
            self._reloading.set()

    async def is_ready(self) -> bool:
        return self._running

    async def put_users_in_force(self, gateways: Mapping[str, str]) -> None:
        self._write_passwords(gateways)
        self._reloading.clear()
        # It says so first, and reads the files before it serves the next packet. A signal that
        # comes while it is still busy with the last one is lost, so we say it again.
        while not self._reloading.is_set():
            self.signal(signal.SIGHUP)
            with suppress(TimeoutError):
                async with asyncio.timeout(_SAY_AGAIN_S):
                    await self._reloading.wait()

    @property
    def _configuration(self) -> Path:
        return self.directory / "mosquitto.conf"

    def _write_passwords(self, gateways: Mapping[str, str]) -> None:
        users = {**gateways, self.service.username: pbkdf2_hash(self.service.password)}
        lines = [f"{user}:{hashed}" for user, hashed in users.items()]
        write_private(self.directory / "passwords", "\n".join([*lines, ""]), self.account)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
