"""The one place that speaks to the broker: a persistent session whose messages we acknowledge.

A message is acknowledged when its taker says so, in groups, never by itself; that is why no
client library is used (docs/decisions/0004-mqtt-client.md). Connecting, keeping alive,
reconnecting with back-off and holding back when memory is full happen here; what a message means
does not matter here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from ingest import packets
from ingest.address import address_of
from ingest.packets import Delivery, Kind, ProtocolViolation
from ingest.wire import ANSWER_TIMEOUT_S, KEEP_ALIVE_S, Wire

_SHORTEST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0
_MOST_UNSENT: Final = 4 * 1024 * 1024
"""Bytes of our own publishes that may wait for a broker that does not read."""
_SUBSCRIPTION: Final = 0xFFFF
"""Packet id of our SUBSCRIBE; what we publish has the others (2.3.1)."""
_log = logging.getLogger("vedette.mqtt")

Taker = Callable[[int, list[Delivery]], None]
"""Takes a connection's number and what it brought, in order of arrival."""


class BrokerRefused(Exception):
    """The broker refuses the login or a subscription; the text says why."""


class MqttSession:
    """Our session with the broker; `run` keeps it connected.

    Attributes:
        ready: set while connected and subscribed, so that nothing published is lost.
        connection: number of the current connection; acknowledgements of earlier ones are void.
        fault: why there is no connection, or None.
        unsent: publishes refused, because there was no connection or the broker did not read.
        skipped: messages left to the next connection, for want of memory.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        username: str = "",
        password: str = "",
        filters: Sequence[str],
        take: Taker,
        connected: Callable[[], None] = lambda: None,
        ca_file: Path | None = None,
    ) -> None:
        """Describe the session; nothing is connected yet.

        Args:
            url: mqtt://host:port or mqtts://host:port, with user and password if not given apart.
            client_id: Names the session at the broker; the same at every start.
            username: Ours at the broker.
            password: Ours at the broker.
            filters: What to subscribe to.
            take: Called from the event loop with every group of messages.
            connected: Called after each (re)connect, before the first message is taken.
            ca_file: Certificates (PEM) of the authorities that may sign the broker's, for mqtts;
                None for the machine's own.

        Raises:
            ValueError: the URL is no broker's.
            OSError: `ca_file` cannot be read, or holds no certificates.
        """
        address = address_of(url)
        self._host, self._port = address.host, address.port
        self._tls = ssl.create_default_context(cafile=ca_file) if address.tls else None
        self._login = packets.connect(
            client_id=client_id,
            username=username or address.username,
            password=password or address.password,
            keep_alive_s=KEEP_ALIVE_S,
        )
        self._filters = filters
        self._take = take
        self._connected = connected
        self._wire: Wire | None = None
        self._accepted = False
        self._holding_back = False
        self._packet_id = 0
        self.ready = asyncio.Event()
        self.connection = 0
        self.fault: str | None = "not connected yet"
        self.unsent = 0
        self.skipped = 0

    async def run(self) -> None:
        """Stay connected until cancelled, whatever the broker does."""
        backoff_s = _SHORTEST_BACKOFF_S
        while True:
            try:
                await self._serve()
            except (OSError, TimeoutError, BrokerRefused, ProtocolViolation) as fault:
                if self.ready.is_set():
                    backoff_s = _SHORTEST_BACKOFF_S
                self._note_fault(fault)
            self.ready.clear()
            # Many services that lost one broker should not come back in step.
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 not a secret
            backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)

    @property
    def in_hand(self) -> int:
        """Messages of this connection that are not acknowledged yet."""
        return 0 if self._wire is None else self._wire.in_hand

    def acknowledge(self, connection: int, packet_ids: Sequence[int]) -> None:
        """Tell the broker that these messages are taken care of.

        Args:
            connection: The connection that brought them; if it is gone, nothing happens: the
                broker sends them again and its numbers mean other messages.
            packet_ids: As they were delivered; an `array("H")` costs least.
        """
        wire = self._wire
        if wire is not None and connection == self.connection and packet_ids:
            wire.acknowledge(np.asarray(packet_ids, np.uint16))

    def publish(self, topic: str, payload: bytes, *, at_least_once: bool = False) -> bool:
        """Send a message; False if it was not, for want of a connection or a reading broker."""
        wire = self._wire
        if wire is None or not self._accepted or wire.unsent_bytes > _MOST_UNSENT:
            self.unsent += 1
            return False
        packet_id = 0
        if at_least_once:
            packet_id = self._packet_id = self._packet_id % (_SUBSCRIPTION - 1) + 1
        wire.send(packets.publish(topic, payload, packet_id))
        return True

    def hold_back(self, *, hold: bool) -> None:
        """Stop (or go on) reading from the broker: its queue is longer than our memory.

        Its answer to our subscription stands behind what it has queued. Until that is read,
        messages are skipped instead, and come again on another connection.
        """
        self._holding_back = hold
        if self._wire is not None:
            self._wire.hold_back(hold=hold)

    async def _serve(self) -> None:
        """One connection, from login to loss."""
        loop = asyncio.get_running_loop()
        self.connection += 1
        # Bound to its number now: what a closing connection still hands over is not the next one's.
        deliver = partial(self._take, self.connection)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            _, wire = await loop.create_connection(
                lambda: Wire(deliver, skipping=self._holding_back),
                self._host,
                self._port,
                ssl=self._tls,
            )
        try:
            self._wire = wire
            wire.send(self._login)
            refused = packets.refusal(await wire.answer(Kind.CONNACK))
            if refused:
                raise BrokerRefused(f"the broker at {self._host}:{self._port} refuses: {refused}")
            self._accepted = True
            self._connected()
            wire.take_deliveries()
            wire.send(packets.subscribe(_SUBSCRIPTION, self._filters))
            granted = (await wire.answer(Kind.SUBACK))[2:]
            if 0x80 in granted or len(granted) != len(self._filters):
                refused_filters = ", ".join(
                    wanted for wanted, code in zip(self._filters, granted, strict=False) if code > 2
                )
                raise BrokerRefused(f"the broker does not let us subscribe to {refused_filters}")
            self.fault = None
            self.ready.set()
            _log.info("connected to the broker at %s:%d", self._host, self._port)
            wire.subscribed(hold=self._holding_back)
            await wire.keep_alive()
        finally:
            self._wire = None
            self._accepted = False
            self.skipped += wire.skipped
            wire.close()

    def _note_fault(self, fault: Exception) -> None:
        text = str(fault) or "the broker does not answer"
        if text != self.fault:
            _log.warning("no connection to the broker at %s:%d: %s", self._host, self._port, text)
        self.fault = text
