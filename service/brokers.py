"""The broker as the service uses it: where to connect, and who gives gateways their credentials."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.address import address_of
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
    ca_file: Path | None = None
    """Authorities (PEM) that may sign the broker's certificate, for mqtts; None: the machine's."""


class WrongBrokerUrl(ValueError):
    """The URL is not one of a broker, or what is to verify the broker cannot be read."""


def foreign_broker(
    url: str, *, client_id: str, redelivery_s: float, ca_file: Path | None = None
) -> BrokerAccess:
    """Access to a broker that others run.

    Raises:
        WrongBrokerUrl: not mqtt://[user:password@]host[:port] or mqtts://..., or `ca_file` holds
            no certificates.
    """
    try:
        address = address_of(url)
    except ValueError:  # also from a port that is no number, and from a lonely bracket
        raise WrongBrokerUrl(
            "mqtt_url must be mqtt://user:password@host:port, or mqtts:// for TLS"
        ) from None
    check_authorities(ca_file)
    host = f"[{address.host}]" if ":" in address.host else address.host

    async def admit() -> None:
        """Nothing to do: others let the gateways in."""

    return BrokerAccess(
        url=f"{'mqtts' if address.tls else 'mqtt'}://{host}:{address.port}",
        username=address.username,
        password=address.password,
        client_id=client_id,
        admin=ForeignBroker(),
        admit=admit,
        redelivery_s=redelivery_s,
        ca_file=ca_file,
    )


def check_authorities(ca_file: Path | None) -> None:
    """Look at the file before anything starts: it would be met in the middle otherwise.

    Raises:
        WrongBrokerUrl: it cannot be read, or holds no certificates.
    """
    if ca_file is None:
        return
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl's own errors are OSErrors
        raise WrongBrokerUrl(
            f"mqtt_ca_file: {ca_file} cannot be used: {error.strerror or error}; give a PEM file "
            "of certificates"
        ) from error


def client_id(data_dir: Path) -> str:
    """The service's MQTT client id, made once: who knows it can steal the session."""
    path = data_dir / "mqtt-client-id"
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private(path, f"vedette-{secrets.token_hex(16)}".encode())
    return path.read_text("ascii")
