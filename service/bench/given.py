"""A broker that somebody else runs, as a bench uses it: one user for everything."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final, Protocol

import aiomqtt

from service.brokers import foreign_broker
from service.embedded import ServiceLogin
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
            aiomqtt.MqttError: the broker cannot be reached, or refuses.
        """
        login = self.service
        async with aiomqtt.Client(
            self._address.host,
            self._address.port,
            username=login.username or None,
            password=login.password or None,
            identifier=login.client_id,
            clean_session=True,
            timeout=_TIMEOUT_S,
            tls_context=self._address.tls,
        ):
            return
