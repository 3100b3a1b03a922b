"""A broker that somebody else runs, as a bench uses it: one user for everything."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Final, Protocol

from ingest import packets
from service.brokers import foreign_broker
from service.embedded import ServerFailed, ServiceLogin
from simulators.broker import Broker

_TIMEOUT_S: Final = 5.0


class BenchBroker(Protocol):
    """What a bench needs of a broker; `service.embedded.Broker` has it."""

    @property
    def service(self) -> ServiceLogin: ...

    @property
    def url(self) -> str:
        """Without credentials."""

    @property
    def redelivery_s(self) -> float: ...

    async def admit_gateways(self) -> None: ...


class GivenBroker:
    """Reached by URL with a user that may publish and subscribe below `vedette/v1/`."""

    redelivery_s = 5.0
    """nats-server's usual ack_wait; harmless for others."""

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        """Read `mqtt://user:password@host:port`, or `mqtts://`.

        Args:
            url: of the broker.
            ca_file: Authorities (PEM) that may sign its certificate; None: the machine's.

        Raises:
            service.brokers.WrongBrokerUrl: not such a URL, or `ca_file` holds no certificates.
        """
        client_id = f"vedette-bench-{secrets.token_hex(8)}"
        access = foreign_broker(
            url, client_id=client_id, redelivery_s=self.redelivery_s, ca_file=ca_file
        )
        self.url = access.url
        self._address = Broker.from_url(access.url, ca_file=ca_file)
        self.ca_file = None if ca_file is None else str(ca_file)
        self.service = ServiceLogin(access.username, access.password, client_id)

    async def admit_gateways(self) -> None:
        """They are in already."""

    async def forget(self) -> None:
        """Leave no session behind that would go on queueing.

        Raises:
            ServerFailed: the broker cannot be reached, or refuses.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                refused = await self._begin_anew()
        except (OSError, EOFError, TimeoutError, packets.ProtocolViolation) as error:
            refused = str(error) or "no answer"
        if refused:
            raise ServerFailed(f"the bench's session at {self.url} could not be ended: {refused}")

    async def _begin_anew(self) -> str | None:
        """Log in with a clean session, which ends the one before it (3.1.2.4); why not, if so."""
        where, login = self._address, self.service
        reader, writer = await asyncio.open_connection(where.host, where.port, ssl=where.tls)
        try:
            writer.write(
                packets.connect(
                    client_id=login.client_id,
                    username=login.username,
                    password=login.password,
                    keep_alive_s=0,
                    clean=True,
                )
            )
            refused = packets.refusal((await reader.readexactly(4))[2:])
            writer.write(packets.DISCONNECT)
            await writer.drain()
            return refused
        finally:
            writer.close()
