"""Looks at a broker as a stranger and as the service would: for `vedette doctor` and `bench`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
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


async def examine(url: str, *, username: str, password: str) -> BrokerExamination:
    """Log in as a stranger and as the service, with client ids of their own."""
    stranger = await _login_fault(url, None, None)
    fault = await _login_fault(url, username or None, password or None)
    returned = fault is None and await _probe(url, username or None, password or None)
    return BrokerExamination(fault, stranger is None, returned)


def _client(
    url: str, username: str | None, password: str | None, *, client_id: str | None = None
) -> aiomqtt.Client:
    parts = urlsplit(url)
    return aiomqtt.Client(
        parts.hostname or "127.0.0.1",
        parts.port or 1883,
        username=username,
        password=password,
        identifier=client_id or f"vedette-doctor-{secrets.token_hex(8)}",
        clean_session=True,
        timeout=TIMEOUT_S,
        tls_params=aiomqtt.TLSParameters() if parts.scheme == "mqtts" else None,
    )


async def _login_fault(url: str, username: str | None, password: str | None) -> str | None:
    try:
        async with _client(url, username, password):
            return None
    except aiomqtt.MqttError as error:
        return str(error)


async def _probe(url: str, username: str | None, password: str | None) -> bool:
    word = secrets.token_bytes(8)
    try:
        async with _client(url, username, password) as client:
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
