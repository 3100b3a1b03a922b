"""One connection to the broker: bytes to deliveries, copies left out, alive or said to be dead.

Whose connection it is, when to connect and what a message means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from ingest import packets
from ingest.packets import Control, Delivery, Kind, ProtocolViolation

KEEP_ALIVE_S: Final = 15
ANSWER_TIMEOUT_S: Final = 10.0
_PING_EVERY_S: Final = 5.0
_PIECE: Final = 32 * 1024
"""Bytes read at a time: about 200 messages, or 2 ms of decoding."""


class Wire(asyncio.BufferedProtocol):
    """One TCP connection: packets in, packets out.

    It reads in small pieces. A piece is decoded in one turn of the event loop, and in that turn
    nothing else goes on: no commit, no answer to a screen.

    Args:
        deliver: Takes messages.
        skipping: There is no memory for any.

    Attributes:
        skipped: messages read and not handed on.
    """

    def __init__(self, deliver: Callable[[list[Delivery]], None], *, skipping: bool) -> None:
        loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._reader = packets.PacketReader()
        # A view, for asyncio's TLS writes into slices of it, and a slice of bytes is a copy.
        self._piece = memoryview(bytearray(_PIECE))
        self._transport: asyncio.Transport | None = None
        self._answers: dict[Kind, asyncio.Future[bytes]] = {
            kind: loop.create_future() for kind in (Kind.CONNACK, Kind.SUBACK)
        }
        self._lost: asyncio.Future[None] = loop.create_future()
        self._unacknowledged: set[int] = set()
        self._early: list[Delivery] | None = []
        self._heard_at = loop.time()
        self._held = False
        self._subscribed = False
        self._skipping = skipping
        self.skipped = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        if self._lost.done():
            return  # TLS hands over what it still had
        self._heard_at = asyncio.get_running_loop().time()
        try:
            deliveries, controls = self._reader.feed(bytes(self._piece[:nbytes]))
        except ProtocolViolation as fault:
            self._end(fault)
            return
        for control in controls:
            self._control(control)
        if self._early is not None:
            if deliveries and not self._answers[Kind.CONNACK].done():
                self._end(ProtocolViolation("a PUBLISH before the CONNACK (3.2)"))
                return
            self._early += deliveries
        elif deliveries:
            self._hand_on(deliveries)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("the broker closed the connection"))

    def take_deliveries(self) -> None:
        """Hand on what comes from now on, and what came right behind the CONNACK."""
        early, self._early = self._early, None
        if early:
            self._hand_on(early)

    def subscribed(self, *, hold: bool) -> None:
        """The broker has answered: from now on holding back stops the reading."""
        self._subscribed = True
        self.hold_back(hold=hold)

    def send(self, packet: bytes) -> None:
        if self._transport is not None:
            self._transport.write(packet)

    @property
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def in_hand(self) -> int:
        """Packet ids not acknowledged yet."""
        return len(self._unacknowledged)

    def acknowledge(self, packet_ids: NDArray[np.uint16]) -> None:
        self._unacknowledged.difference_update(packet_ids.tolist())
        self.send(packets.acknowledgements(packet_ids))

    def hold_back(self, *, hold: bool) -> None:
        if not self._subscribed:
            self._skipping = self._skipping or hold
            return
        if self._skipping and not hold:
            if not self._unacknowledged:  # what was taken is not sent again
                self._end(ConnectionResetError("messages were skipped for want of memory"))
            return
        if self._transport is None or self._transport.is_closing() or hold == self._held:
            return
        self._held = hold
        self._heard_at = asyncio.get_running_loop().time()
        if hold:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    async def answer(self, kind: Kind) -> bytes:
        """The body of the first packet of this kind."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self._answers[kind]

    async def keep_alive(self) -> None:
        """Ping until the connection is lost.

        Raises:
            OSError, TimeoutError, ProtocolViolation: why it was lost.
        """
        loop = asyncio.get_running_loop()
        while True:
            done, _ = await asyncio.wait((self._lost,), timeout=_PING_EVERY_S)
            if done:
                await self._lost
            # While we do not read, nothing can be heard.
            if not self._held and loop.time() - self._heard_at > KEEP_ALIVE_S:
                raise TimeoutError(f"the broker has said nothing for {KEEP_ALIVE_S} s")
            self.send(packets.PINGREQ)

    def close(self) -> None:
        if self._transport is not None:
            if not self._transport.is_closing():
                self.send(packets.DISCONNECT)
            self._transport.close()
        self._lost.cancel()
        for answer in self._answers.values():
            answer.cancel()

    def _hand_on(self, deliveries: list[Delivery]) -> None:
        """Hand on all but copies of messages we still have in hand.

        A copy is sent again on this connection because we took long; it has the packet id of a
        message in hand and says that it is a copy. The id alone proves nothing: it should belong
        to one message until we acknowledge it (2.3.1), but mosquitto 2.0 counts on and comes round
        after 65,535, whatever is still in hand.
        """
        if self._skipping:
            self.skipped += len(deliveries)
            return
        known = self._unacknowledged
        ids = [delivery.packet_id for delivery in deliveries if delivery.packet_id]
        if not known.isdisjoint(ids):
            deliveries = [
                delivery
                for delivery in deliveries
                if not (delivery.duplicate and delivery.packet_id in known)
            ]
        known.update(ids)
        self._deliver(deliveries)

    def _control(self, control: Control) -> None:
        waiting = self._answers.get(control.kind)
        if waiting is not None and not waiting.done():
            waiting.set_result(control.body)

    def _end(self, fault: Exception) -> None:
        waited_for: list[asyncio.Future[Any]] = [self._lost, *self._answers.values()]
        for future in waited_for:
            if not future.done():
                future.set_exception(fault)
                future.exception()  # who waits for it hears of it; nobody has to
        if self._transport is not None:
            self._transport.abort()
