"""The broker as the service uses it: where to connect, and who gives gateways their credentials."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from service.private_files import replace_private


class BrokerAdmin(Protocol):
    """What the service asks of a broker it may administer (`service.embedded` has two)."""

    async def add_gateway(self, gateway: str, password: str) -> object:
        """Let a gateway log in, at once, and publish and subscribe on its own topics only."""

    async def remove_gateway(self, gateway: str) -> None:
        """Take the right away and cut the connection."""


class ForeignBroker:
    """A broker that others administer: the password is made and shown, they enter it there."""

    async def add_gateway(self, gateway: str, password: str) -> None:
        del gateway, password

    async def remove_gateway(self, gateway: str) -> None:
        del gateway


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where ingest connects, and who gives gateways their credentials."""

    url: str
    """Without credentials."""
    username: str
    password: str
    client_id: str
    admin: BrokerAdmin
    admit: Callable[[], Awaitable[None]]
    """Lets gateways in, once the service's session exists."""
    redelivery_s: float
    """How long after a reconnect the broker may send old messages behind newer ones (s)."""


class WrongBrokerUrl(ValueError):
    """The URL is not one of a broker."""


def foreign_broker(url: str, *, client_id: str, redelivery_s: float) -> BrokerAccess:
    """Access to a broker that others run.

    Raises:
        WrongBrokerUrl: not mqtt://[user:password@]host[:port] or mqtts://...
    """
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise WrongBrokerUrl("mqtt_url must be mqtt://user:password@host:port, or mqtts:// for TLS")

    async def admit() -> None:
        """Nothing to do: others let the gateways in."""

    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    return BrokerAccess(
        url=f"{parts.scheme}://{parts.hostname}:{port}",
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        client_id=client_id,
        admin=ForeignBroker(),
        admit=admit,
        redelivery_s=redelivery_s,
    )


def client_id(data_dir: Path) -> str:
    """The service's MQTT client id, made once: who knows it can steal the session."""
    path = data_dir / "mqtt-client-id"
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private(path, f"vedette-{secrets.token_hex(16)}".encode())
    return path.read_text("ascii")
