"""A broker that somebody else runs, as a bench uses it: one user for everything."""

from __future__ import annotations

import secrets
from typing import Protocol

from ingest.examination import forget_session
from service.brokers import foreign_broker
from service.embedded import ServiceLogin


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

    def __init__(self, url: str) -> None:
        """Read `mqtt://user:password@host:port`.

        Raises:
            service.brokers.WrongBrokerUrl: not such a URL.
        """
        client_id = f"vedette-bench-{secrets.token_hex(8)}"
        access = foreign_broker(url, client_id=client_id, redelivery_s=self.redelivery_s)
        self.url = access.url
        self.service = ServiceLogin(access.username, access.password, client_id)

    async def admit_gateways(self) -> None:
        """They are in already."""

    async def forget(self) -> None:
        """Leave no session behind that would go on queueing."""
        login = self.service
        await forget_session(
            self.url, username=login.username, password=login.password, client_id=login.client_id
        )
