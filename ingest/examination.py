"""Takes a client's session away from a broker: for a bench that leaves nothing behind."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import aiomqtt

_TIMEOUT_S = 5.0


async def forget_session(url: str, *, username: str, password: str, client_id: str) -> None:
    """End a client's persistent session, so that the broker queues nothing more for it.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached, or refuses.
    """
    parts = urlsplit(url)
    over_tls = parts.scheme == "mqtts"
    async with aiomqtt.Client(
        parts.hostname or "127.0.0.1",
        parts.port or (8883 if over_tls else 1883),
        username=username or None,
        password=password or None,
        identifier=client_id,
        clean_session=True,
        timeout=_TIMEOUT_S,
        tls_context=ssl.create_default_context() if over_tls else None,
    ):
        return
