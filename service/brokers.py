"""Who gives gateways their credentials: our own embedded broker, or somebody else's."""

from __future__ import annotations

from typing import Protocol


class BrokerAdmin(Protocol):
    """What the service asks of a broker it may administer (`service.embedded` has two)."""

    async def add_gateway(self, gateway: str, password: str) -> None:
        """Let a gateway log in, at once, and publish and subscribe on its own topics only."""

    async def remove_gateway(self, gateway: str) -> None:
        """Take the right away and cut the connection."""


class ForeignBroker:
    """A broker that others administer: the password is made and shown, they enter it there."""

    async def add_gateway(self, gateway: str, password: str) -> None:
        del gateway, password

    async def remove_gateway(self, gateway: str) -> None:
        del gateway
