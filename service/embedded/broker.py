"""What every embedded MQTT broker offers, whichever program it is.

One user a gateway, bound to its own topics; one user for the service. Gateways are let in only
after `admit_gateways`: before the service's session exists a broker acknowledges a publish and
then drops it, for want of a subscriber.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from domain.assets import ID_PATTERN
from service.embedded.passwords import new_password
from service.embedded.place import write_private
from service.embedded.server import Server, ServerFailed

UP_TOPICS: Final = ("telemetry", "backfill", "status", "command/reply")
"""What a gateway may publish, below `vedette/v1/{gateway}/`."""
DOWN_TOPICS: Final = ("receipt", "rejected", "command")
"""What a gateway may subscribe to."""
_RELOAD_TIMEOUT_S: Final = 10.0

Violation = Callable[[str, str], None]
"""Called with the gateway (user) and the topic of a publish that the broker refused."""


class ServiceLogin(msgspec.Struct, frozen=True):
    """The service's own user. The client id is a secret too: who knows it can steal the session."""

    username: str
    password: str
    client_id: str


class Broker(Server):
    """An MQTT broker below `data_dir`, with its sessions, queues and users.

    Args:
        data_dir: Vedette's data directory.
        host: Address to listen on for MQTT.
        port: Port to listen on; 0 takes a free one at each start.
        on_violation: Told of each forbidden publish the broker reports.
        run_as: Account to run as when we are root.
    """

    redelivery_s: ClassVar[float]
    """How long after a reconnect unacknowledged messages may still come again, in seconds."""

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        on_violation: Violation = lambda _gateway, _topic: None,
        run_as: str | None = None,
    ) -> None:
        super().__init__(data_dir, run_as=run_as)
        self.host = host
        self.port = port
        self.on_violation = on_violation
        self.service = self._load_service_login()
        self._hashes = self._load_gateways()
        self._admitted = False
        self._changed = False
        self._publishing = asyncio.Lock()

    @abstractmethod
    def hash_password(self, password: str) -> str:
        """The hash of a gateway's password, in the broker's form."""

    @abstractmethod
    async def put_users_in_force(self, gateways: Mapping[str, str]) -> None:
        """Let exactly these gateways (id to password hash) log in, besides the service.

        Connections of users that stay are not cut.

        Raises:
            ServerFailed: the broker does not take the new users; the old stay in force.
        """

    @property
    def local_host(self) -> str:
        """The address by which this machine itself reaches the broker."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 only read
        return everywhere.get(self.host, self.host)

    def complaint(self, what: str) -> str:
        """Why the broker did not start; a taken port is what people meet most."""
        if any("address already in use" in line.lower() for line in self.last_lines):
            return (
                f"cannot listen on {self.host}:{self.port} for gateways: the port is taken; stop "
                "the other program or choose another port with --mqtt-port"
            )
        return super().complaint(what)

    @property
    def url(self) -> str:
        """Where clients on this machine connect to."""
        host = f"[{self.local_host}]" if ":" in self.local_host else self.local_host
        return f"mqtt://{host}:{self.port}"

    @property
    def gateways(self) -> frozenset[str]:
        """Ids of the gateways that have a password."""
        return frozenset(self._hashes)

    async def admit_gateways(self) -> None:
        """Let gateways log in from now on; call once the service's session exists."""
        async with self._publishing:
            self._admitted = True
            await self._enforce()

    async def add_gateway(self, gateway: str, password: str | None = None) -> str:
        """Give a gateway a (new) password and return it; it can log in at once.

        Raises:
            ValueError: the id is not one a gateway may have.
            ServerFailed: the broker did not take it.
        """
        chosen = password or new_password()
        await self.add_gateways({gateway: chosen})
        return chosen

    async def add_gateways(self, passwords: Mapping[str, str]) -> None:
        """Give many gateways their passwords in one step; as `add_gateway`."""
        for gateway in passwords:
            if not ID_PATTERN.fullmatch(gateway):
                raise ValueError(f"'{gateway}' is not a gateway id: {ID_PATTERN.pattern}")
        hashes = {gateway: self.hash_password(word) for gateway, word in passwords.items()}
        await self._change({**self._hashes, **hashes})

    async def remove_gateway(self, gateway: str) -> None:
        """Take a gateway's password away; its connection is cut."""
        await self._change({key: value for key, value in self._hashes.items() if key != gateway})

    async def _change(self, hashes: Mapping[str, str]) -> None:
        """Keep the new set and put it in force; changes made meanwhile go in one step."""
        self._hashes = dict(hashes)
        self._changed = True
        async with self._publishing:
            if not self._changed:
                return
            self._changed = False
            content = msgspec.json.encode(self._hashes, order="sorted").decode()
            write_private(self._gateways_file, content)
            if self._admitted:
                await self._enforce()

    async def _enforce(self) -> None:
        try:
            async with asyncio.timeout(_RELOAD_TIMEOUT_S):
                await self.put_users_in_force(self._hashes)
        except TimeoutError:
            raise ServerFailed(
                f"{self.part} did not take the new users in {_RELOAD_TIMEOUT_S:g} s; "
                "they are kept and will be in force when it starts again"
            ) from None

    @property
    def _gateways_file(self) -> Path:
        return self.directory / "gateways.json"

    def _load_gateways(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._gateways_file.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as fault:
            raise ServerFailed(f"{self._gateways_file} is damaged: {fault}") from fault

    def _load_service_login(self) -> ServiceLogin:
        path = self.directory / "service.json"
        if not path.exists():
            client_id = f"vedette-{secrets.token_hex(16)}"
            login = ServiceLogin("_vedette", new_password(), client_id)
            write_private(path, msgspec.json.encode(login).decode())
        return msgspec.json.decode(path.read_bytes(), type=ServiceLogin)
