"""One simulated gateway: an ordinary MQTT client with memory, and with bad habits on request.

It logs in as itself, says that it is online (and leaves a last will), publishes its outbox in
order of `seq` with QoS 1, forgets a message only when the service's receipt covers it, and after a
reconnect sends again what has no receipt. Its `Conduct` makes it lose its line, lie about the
time, repeat or reorder.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiomqtt
import msgspec

from domain.wire import OutgoingReading, encode_message, encode_status
from simulators.broker import Broker, Login, topic
from simulators.conduct import Conduct
from simulators.dice import dice
from simulators.outbox import Outbox, Stored

CAPACITY: Final = 5000
"""Messages a box keeps while nobody receipts them: some hours of its own traffic."""
BACKFILL_AFTER_US: Final = 15 * 60 * 1_000_000
"""Older than this goes to `backfill`: the contract's border between live and historical."""
RESEND_AFTER_S: Final = 60.0
"""Without any receipt for so long, all unreceipted messages are sent again; doubles up to ten-fold."""
BURST: Final = 200
LOOK_AROUND_S: Final = 2.0
"""How long a gateway may take to notice what its conduct demands."""
SHORTEST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
LONGEST_LOCKED_OUT_S: Final = 120.0
"""A broker that refuses a login will mostly do so again: the gateway was removed."""


class _Receipt(msgspec.Struct):
    boot: str | None
    stored: int


class _Rejected(msgspec.Struct):
    seq: int | None = None
    errors: list[dict[str, str]] = []


@dataclass(slots=True)
class Traffic:
    """What went over the line, counted; shared by all gateways of a player."""

    published: int = 0
    readings: int = 0
    receipted: int = 0
    rejected: int = 0
    connects: int = 0
    disconnects: int = 0
    refused: int = 0
    """Logins the broker refused."""
    locked_out: set[str] = field(default_factory=set)
    """Gateways whose last login it refused."""
    unreadable: int = 0
    """Receipts and rejections that were neither."""
    last_rejection: str | None = None


class SimulatedGateway:
    """A gateway's MQTT side. `put` readings into it at any time; `run` keeps it on the line.

    Args:
        gateway: its id.
        broker: where to connect.
        login: its own credentials.
        boot: names this run; `seq` starts at 1 within it.
        clock: true time of the gateway, int64 µs UTC (its conduct may falsify it).
        conduct: its habits, read anew for each message.
        traffic: counts.
        seed: of its dice.
    """

    def __init__(
        self,
        gateway: str,
        *,
        broker: Broker,
        login: Login,
        boot: str,
        clock: Callable[[], int],
        conduct: Conduct,
        traffic: Traffic,
        seed: int = 0,
    ) -> None:
        self.id = gateway
        self._broker, self._login, self._boot, self._clock = broker, login, boot, clock
        self._conduct, self._traffic = conduct, traffic
        self._dice = dice(seed, gateway)
        self.outbox = Outbox(CAPACITY)
        self._something = asyncio.Event()
        self._stopping = False
        self._receipts_seen = False
        self._last_progress = 0.0
        self._patience_s = RESEND_AFTER_S
        self._pause_s = SHORTEST_PAUSE_S

    def put(self, time_us: int, readings: tuple[OutgoingReading, ...]) -> None:
        """Store a message of readings sampled at `time_us`; it is sent as soon as the line allows."""
        self.outbox.put(time_us + self._conduct.clock_offset_us, readings)
        self._something.set()

    def stop(self) -> None:
        """End `run` at its next look around; cancel it as well.

        Cancelling alone is not enough: `asyncio.wait_for`, which aiomqtt uses, swallows a
        cancellation that meets a result (CPython 3.11, mended in 3.12).
        """
        self._stopping = True
        self._something.set()

    def _off_line(self) -> bool:
        return self._conduct.offline or self._stopping

    async def run(self, connecting: asyncio.Semaphore) -> None:
        """Stay connected until stopped and cancelled; reconnects with growing pauses.

        Args:
            connecting: bounds how many gateways log in at a time.

        Raises:
            asyncio.CancelledError: the caller's way to stop it.
        """
        while not self._stopping:
            if self._conduct.offline:
                await asyncio.sleep(0.5)
                continue
            try:
                await self._session(connecting)
            except aiomqtt.MqttError as error:
                refused = isinstance(error, aiomqtt.exceptions.MqttConnectError)
                if refused:
                    self._traffic.refused += 1
                    self._traffic.locked_out.add(self.id)
                await asyncio.sleep(self._pause_s * self._dice.uniform(0.7, 1.3))
                longest_s = LONGEST_LOCKED_OUT_S if refused else LONGEST_PAUSE_S
                self._pause_s = min(2 * self._pause_s, longest_s)

    async def _session(self, connecting: asyncio.Semaphore) -> None:
        """One connection, until the line is cut on purpose.

        Raises:
            aiomqtt.MqttError: refused or lost.
        """
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            identifier=self.id,
            username=self._login.username,
            password=self._login.password,
            tls_context=self._broker.tls,
            will=aiomqtt.Will(
                topic(self.id, "status"), encode_status(online=False), qos=1, retain=True
            ),
            keepalive=30,
        )
        async with connecting:
            await client.__aenter__()
        try:
            self._traffic.connects += 1
            self._traffic.locked_out.discard(self.id)
            self._pause_s = SHORTEST_PAUSE_S
            await client.subscribe(
                [(topic(self.id, "receipt"), 1), (topic(self.id, "rejected"), 1)]
            )
            await client.publish(
                topic(self.id, "status"), encode_status(online=True), qos=1, retain=True
            )
            self.outbox.rewind()
            await self._talk(client)
        finally:
            self._traffic.disconnects += 1
            await _pull_the_plug(client)

    async def _talk(self, client: aiomqtt.Client) -> None:
        """Send and listen until the line is cut on purpose."""
        loop = asyncio.get_running_loop()
        self._last_progress = loop.time()
        listening = loop.create_task(self._listen(client), name=f"gateway {self.id} listens")
        try:
            while not self._off_line() and not listening.done():
                self._something.clear()
                await self._send_waiting(client)
                self._send_again_if_forgotten(loop.time())
                with contextlib.suppress(TimeoutError):  # then look around again
                    async with asyncio.timeout(LOOK_AROUND_S):
                        await self._something.wait()
        finally:
            listening.cancel()
            outcome = (await asyncio.gather(listening, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome

    async def _send_waiting(self, client: aiomqtt.Client) -> None:
        while waiting := self.outbox.unsent(BURST):
            if self._conduct.reorder:
                waiting = self._shuffled(waiting)
            for message in waiting:
                if self._off_line():
                    return
                for _ in range(2 if self._dice.random() < self._conduct.repeat else 1):
                    await self._publish(client, message)
                self.outbox.mark_sent(message)

    async def _publish(self, client: aiomqtt.Client, message: Stored) -> None:
        sent = self._clock() + self._conduct.clock_offset_us
        leaf = "backfill" if sent - message.time > BACKFILL_AFTER_US else "telemetry"
        payload = encode_message(
            message.readings, time=message.time, sent=sent, boot=self._boot, seq=message.seq
        )
        await client.publish(topic(self.id, leaf), payload, qos=1)
        self._traffic.published += 1
        self._traffic.readings += len(message.readings)

    def _shuffled(self, waiting: list[Stored]) -> list[Stored]:
        """Swap some neighbours."""
        mixed = list(waiting)
        for k in range(len(mixed) - 1):
            if self._dice.random() < self._conduct.reorder:
                mixed[k], mixed[k + 1] = mixed[k + 1], mixed[k]
        return mixed

    def _send_again_if_forgotten(self, now: float) -> None:
        """A service that gave receipts before and is silent now may have lost something."""
        if (
            self._receipts_seen
            and len(self.outbox)
            and now - self._last_progress > self._patience_s
        ):
            self.outbox.rewind()
            self._something.set()
            self._last_progress = now
            self._patience_s = min(2 * self._patience_s, 10 * RESEND_AFTER_S)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            try:
                if message.topic.value.endswith("/receipt"):
                    self._take_receipt(message.payload)
                else:
                    self._take_rejection(message.payload)
            except msgspec.DecodeError:
                self._traffic.unreadable += 1

    def _take_receipt(self, payload: bytes) -> None:
        receipt = msgspec.json.decode(payload, type=_Receipt)
        if receipt.boot != self._boot:
            return
        self._traffic.receipted += self.outbox.receipted(receipt.stored)
        self._receipts_seen = True
        self._last_progress = asyncio.get_running_loop().time()
        self._patience_s = RESEND_AFTER_S

    def _take_rejection(self, payload: bytes) -> None:
        rejected = msgspec.json.decode(payload, type=_Rejected)
        self._traffic.rejected += 1
        self._traffic.last_rejection = f"{self.id} seq {rejected.seq}: {rejected.errors[:3]}"


async def _pull_the_plug(client: aiomqtt.Client) -> None:
    """Leave as a box without power does: no DISCONNECT, so the broker sends the last will."""
    line = client._client.socket()  # noqa: SLF001 - aiomqtt has no public way to fail
    if isinstance(line, socket.socket):
        with contextlib.suppress(OSError):  # the line was gone already
            line.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(aiomqtt.MqttError, TimeoutError):  # until the client has noticed
        async with asyncio.timeout(LOOK_AROUND_S):
            async for _ in client.messages:
                continue
    with contextlib.suppress(aiomqtt.MqttError):  # that is what pulling the plug looks like here
        await client.__aexit__(None, None, None)
