"""Looks at a broker as a stranger and as the service would: for `vedette doctor` and `bench`."""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

from ingest.topics import PROBE_TOPIC

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class BrokerExamination:
    """What was found. `fault` says why the service cannot log in; None when it can."""

    fault: str | None
    admits_strangers: bool
    """A client without user and password was let in: everybody can publish anything."""
    returns_probe: bool
    """What the service publishes on its own topic comes back to it."""


async def examine(
    url: str, *, username: str, password: str, ca_file: Path | None = None
) -> BrokerExamination:
    """Log in as a stranger and as the service, with client ids of their own.

    `ca_file` holds the authorities (PEM) that may sign the broker's certificate, for mqtts; None
    for the machine's own.
    """
    stranger = await _login_fault(url, None, None, ca_file)
    fault = await _login_fault(url, username or None, password or None, ca_file)
    returned = fault is None and await _probe(url, username or None, password or None, ca_file)
    return BrokerExamination(fault, stranger is None, returned)


def _client(
    url: str,
    username: str | None,
    password: str | None,
    *,
    client_id: str | None = None,
    ca_file: Path | None = None,
) -> aiomqtt.Client:
    parts = urlsplit(url)
    over_tls = parts.scheme == "mqtts"
    return aiomqtt.Client(
        parts.hostname or "127.0.0.1",
        parts.port or (8883 if over_tls else 1883),
        username=username,
        password=password,
        identifier=client_id or f"vedette-doctor-{secrets.token_hex(8)}",
        clean_session=True,
        timeout=TIMEOUT_S,
        tls_context=ssl.create_default_context(cafile=ca_file) if over_tls else None,
    )


async def _login_fault(
    url: str, username: str | None, password: str | None, ca_file: Path | None
) -> str | None:
    try:
        async with _client(url, username, password, ca_file=ca_file):
            return None
    except aiomqtt.MqttError as error:
        return str(error)
    except OSError as error:
        return f"{ca_file}: {error}"


async def _probe(
    url: str, username: str | None, password: str | None, ca_file: Path | None
) -> bool:
    word = secrets.token_bytes(8)
    try:
        async with _client(url, username, password, ca_file=ca_file) as client:
            await client.subscribe(PROBE_TOPIC, qos=1)
            await client.publish(PROBE_TOPIC, word, qos=1)
            async for message in client.messages:
                if message.payload == word:
                    return True
    except aiomqtt.MqttError:
        return False
    return False


async def forget_session(url: str, *, username: str, password: str, client_id: str) -> None:
    """End a client's persistent session, so that the broker queues nothing more for it.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached, or refuses.
    """
    async with _client(url, username or None, password or None, client_id=client_id):
        return
