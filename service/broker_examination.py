"""Looks at a broker as a stranger and as the service, and takes nothing that is queued for it.

A broker may lead every login of the service's user into the service's own session: mosquitto's
`use_username_as_clientid`, which we ship. A client that acknowledges, or begins with a clean
session, would then destroy what waits for the service. So nothing is acknowledged here, a session
that was there is left at once, and only one that this examination began is ended.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ingest import packets
from ingest.packets import Control, Delivery, Kind, PacketReader, ProtocolViolation
from ingest.topics import PROBE_TOPIC
from service.brokers import BrokerAccess

TIMEOUT_S: Final = 5.0
KEEP_ALIVE_S: Final = 30
_VARIABLE_HEADER: Final = b"\x00\x04MQTT\x04"
_CLEAN_SESSION: Final = 0x02
_SESSION_PRESENT: Final = 0x01


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """What the service's own login met.

    Attributes:
        own_session: it led into a session that was there before, the service's; nothing further
            was tried, and the rest is None.
        returns_probe: what the service publishes on its probe topic comes back to it.
        keeps_session: a session that was left is there again at the next login.
        minds_rights: a publish outside the service's topics does not come back to it.
    """

    own_session: bool
    returns_probe: bool | None = None
    keeps_session: bool | None = None
    minds_rights: bool | None = None


class NoLogin(Exception):
    """The broker cannot be reached, or does not let us in; the text says why."""


async def admits_strangers(broker: BrokerAccess) -> bool:
    """Whether a client without user and password is let in: it could publish anything."""
    try:
        async with _login(broker, _new_id(), clean=True, stranger=True):
            return True
    except NoLogin:
        return False


async def examine_own_login(broker: BrokerAccess) -> OwnLogin:
    """Log in as the service, three times; not while the service itself is connected.

    Raises:
        NoLogin: with the reason.
    """
    client_id = _new_id()
    async with _login(broker, client_id) as first:
        if first.session_present:
            return OwnLogin(own_session=True)
        returned, minded = await _try_topics(first)
    async with _login(broker, client_id) as again:
        kept = again.session_present
    async with _login(broker, client_id, clean=True):
        pass  # ends the session that we began
    return OwnLogin(
        own_session=False, returns_probe=returned, keeps_session=kept, minds_rights=minded
    )


async def _try_topics(line: _Line) -> tuple[bool, bool]:
    """Whether our probe comes back, and whether what we may not publish stays away."""
    forbidden = f"vedette-doctor/{secrets.token_hex(8)}"
    line.send(packets.subscribe(1, [PROBE_TOPIC]))
    line.send(packets.subscribe(2, [forbidden]))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await line.answers(Kind.SUBACK, 2)
            await line.returned([PROBE_TOPIC], packet_id=3)
    except (TimeoutError, NoLogin):
        return False, True
    try:
        async with asyncio.timeout(TIMEOUT_S):
            # A broker keeps one client's order: the probe comes behind what was sent before it.
            heard = await line.returned([forbidden, PROBE_TOPIC], packet_id=4)
    except (TimeoutError, NoLogin):
        return True, True  # mosquitto 2.0.11 cuts the line at what is forbidden
    return True, forbidden not in heard


class _Line:
    """A connection that is logged in. It acknowledges nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._cutter = PacketReader()
        self._waiting: list[Delivery | Control] = []
        self.session_present = False

    def send(self, packet: bytes) -> None:
        self._writer.write(packet)

    async def packet(self) -> Delivery | Control:
        """The next packet; one that was cut together with others keeps its turn.

        Raises:
            NoLogin: the line has ended.
        """
        while not self._waiting:
            try:
                data = await self._reader.read(1 << 16)
            except OSError as error:
                raise NoLogin(f"the broker cut the connection: {error}") from error
            if not data:
                raise NoLogin("the broker closed the connection")
            deliveries, controls = self._cutter.feed(data)
            self._waiting = [*controls, *deliveries]
        return self._waiting.pop(0)

    async def returned(self, topics: Sequence[str], *, packet_id: int) -> set[str]:
        """Publish to these topics; which of them came back, when the last has."""
        word = secrets.token_hex(8).encode()
        for place, topic in enumerate(topics):
            self.send(packets.publish(topic, word, packet_id + place))
        heard: set[str] = set()
        while topics[-1] not in heard:
            packet = await self.packet()
            if isinstance(packet, Delivery) and packet.payload == word:
                heard.add(packet.topic.decode())
        return heard

    async def leave(self) -> None:
        """Say so, and wait until the broker has taken notice: the id is free again then."""
        with suppress(NoLogin):
            self.send(packets.DISCONNECT)
            while True:
                await self.packet()

    async def answers(self, kind: Kind, count: int) -> None:
        """Wait for so many packets of a kind."""
        while count:
            packet = await self.packet()
            count -= isinstance(packet, Control) and packet.kind is kind


@asynccontextmanager
async def _login(
    broker: BrokerAccess, client_id: str, *, clean: bool = False, stranger: bool = False
) -> AsyncIterator[_Line]:
    """Log in, and leave in order.

    Raises:
        NoLogin: with the reason.
    """
    parts = urlsplit(broker.url)
    hello = packets.connect(
        client_id=client_id,
        username="" if stranger else broker.username,
        password="" if stranger else broker.password,
        keep_alive_s=KEEP_ALIVE_S,
    )
    writer = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            context = (
                ssl.create_default_context(cafile=broker.ca_file)
                if parts.scheme == "mqtts"
                else None
            )
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
            line = _Line(reader, writer)
            line.send(_clean(hello) if clean else hello)
            answer = await line.packet()
        if not isinstance(answer, Control) or answer.kind is not Kind.CONNACK:
            raise NoLogin("it answers with something else than MQTT 3.1.1")
        if (reason := packets.refusal(answer.body)) is not None:
            raise NoLogin(reason)
        line.session_present = bool(answer.body[0] & _SESSION_PRESENT)
        yield line
        async with asyncio.timeout(TIMEOUT_S):
            await line.leave()
    except TimeoutError:
        raise NoLogin(f"no answer within {TIMEOUT_S:g} s") from None
    except ProtocolViolation as error:
        raise NoLogin(f"it is no MQTT broker: {error}") from error
    except OSError as error:
        raise NoLogin(str(error)) from error
    finally:
        if writer is not None:
            writer.close()


def _new_id() -> str:
    return f"vedette-doctor-{secrets.token_hex(8)}"


def _clean(hello: bytes) -> bytes:
    """The CONNECT with a clean session (3.1.2.4)."""
    at = hello.index(_VARIABLE_HEADER) + len(_VARIABLE_HEADER)
    return hello[:at] + bytes([hello[at] | _CLEAN_SESSION]) + hello[at + 1 :]
