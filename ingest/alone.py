"""The MQTT layer with the rest cut off: every message is acknowledged at once and counted.

`vedette bench` measures the whole service against this, on the same broker in the same run.
"""

from __future__ import annotations

from array import array
from pathlib import Path

from ingest.mqtt import MqttSession
from ingest.packets import Delivery
from ingest.topics import FILTERS


class LayerAlone:
    """Counts messages as fast as the layer can take them; `await run()` until cancelled.

    Attributes:
        session: the session; wait for `session.ready` before publishing.
        messages: taken and acknowledged.
        bytes: of their payloads.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        username: str = "",
        password: str = "",
        ca_file: Path | None = None,
    ) -> None:
        """Nothing is connected yet; arguments as of `MqttSession`."""
        self.session = MqttSession(
            url,
            client_id=client_id,
            username=username,
            password=password,
            filters=FILTERS,
            take=self._take,
            ca_file=ca_file,
        )
        self.messages = 0
        self.bytes = 0

    async def run(self) -> None:
        await self.session.run()

    def _take(self, connection: int, deliveries: list[Delivery]) -> None:
        self.messages += len(deliveries)
        self.bytes += sum(len(delivery.payload) for delivery in deliveries)
        ids = array("H", [delivery.packet_id for delivery in deliveries if delivery.packet_id])
        self.session.acknowledge(connection, ids)
