"""A minimal MQTT 3.1.1 connection that only publishes with QoS 1 and counts PUBACKs.

A load tool's stand-in for a client library: no queue of its own, packets are given ready-made,
PUBACKs come back as arrays of packet ids. It never subscribes and sends no keep-alive (it asks
for none), so it is no client for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from simulators.broker import Broker, Login

CONNACK: Final = 0x20
PUBACK: Final = 0x40
PUBACK_BYTES: Final = 4
CLEAN_SESSION_WITH_LOGIN: Final = 0xC2
_REFUSALS: Final = {
    1: "unacceptable protocol version",
    2: "client id rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorised",
}


class Refused(Exception):
    """The broker refused the login: the credentials or the broker's set-up are wrong."""


class Publisher(asyncio.Protocol):
    """One connection. Use `connect`; then `send` ready-made PUBLISH packets.

    Args:
        acknowledged: gets the packet ids (n,) of arrived PUBACKs, in order of arrival.
    """

    def __init__(self, acknowledged: Callable[[NDArray[np.int64]], None]) -> None:
        self._acknowledged = acknowledged
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[int] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done once the connection is gone."""
        self.writable = True
        """Whether the socket takes more; when not, sending would only fill memory."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1 << 20)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._welcome.done():
            self._welcome.set_exception(exc or ConnectionResetError("closed before CONNACK"))
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        whole = len(buffer) - len(buffer) % PUBACK_BYTES
        quads = np.frombuffer(buffer, np.uint8, whole).reshape(-1, PUBACK_BYTES)
        odd = np.flatnonzero(quads[:, 0] != PUBACK)
        if len(odd):
            self._buffer = self._slowly(buffer)
            return
        self._buffer = buffer[whole:]
        if len(quads):
            self._acknowledged((quads[:, 2].astype(np.int64) << 8) | quads[:, 3])

    def _slowly(self, buffer: bytes) -> bytes:
        """Packets one by one, for whatever comes besides PUBACKs; returns the unfinished rest."""
        ids: list[int] = []
        at = 0
        while at + 2 <= len(buffer) and at + 2 + buffer[at + 1] <= len(buffer):
            kind, body = buffer[at], buffer[at + 2 : at + 2 + buffer[at + 1]]
            if kind == PUBACK:
                ids.append(int.from_bytes(body[:2], "big"))
            elif kind == CONNACK and not self._welcome.done():
                self._welcome.set_result(body[1])
            at += 2 + len(body)
        if ids:
            self._acknowledged(np.array(ids, np.int64))
        return buffer[at:]

    def send(self, packets: bytes) -> None:
        """Write packets; those sent after the line is lost go nowhere (they get no PUBACK)."""
        if self._transport is not None:
            self._transport.write(packets)

    def close(self) -> None:
        """Send DISCONNECT and close."""
        if self._transport is not None:
            self._transport.write(b"\xe0\x00")
            self._transport.close()

    def drop(self) -> None:
        """Cut the line at once."""
        if self._transport is not None:
            self._transport.abort()

    async def log_in(self, client_id: str, login: Login) -> None:
        """Send CONNECT and wait for the answer.

        Raises:
            Refused: the broker said no.
            OSError: the line was lost.
        """
        fields = b"".join(
            len(part).to_bytes(2, "big") + part
            for part in (client_id.encode(), login.username.encode(), login.password.encode())
        )
        body = b"\x00\x04MQTT\x04" + bytes([CLEAN_SESSION_WITH_LOGIN]) + b"\x00\x00" + fields
        low, high = len(body) % 128, len(body) // 128
        length = bytes([low | 0x80, high]) if high else bytes([low])
        self.send(b"\x10" + length + body)
        code = await self._welcome
        if code:
            raise Refused(f"the broker refused {client_id}: {_REFUSALS.get(code, code)}")


async def connect(
    broker: Broker,
    client_id: str,
    login: Login,
    acknowledged: Callable[[NDArray[np.int64]], None],
    *,
    timeout: float,
) -> Publisher:
    """Connect and log in within `timeout` seconds.

    Raises:
        Refused: the broker said no.
        OSError: it cannot be reached, or not in time (`TimeoutError`).
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        _, publisher = await loop.create_connection(
            lambda: Publisher(acknowledged), broker.host, broker.port, ssl=broker.tls
        )
        try:
            await publisher.log_in(client_id, login)
        except BaseException:
            publisher.drop()
            raise
    return publisher
