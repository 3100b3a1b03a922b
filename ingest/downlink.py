"""What we say through the broker: acknowledgements, rejections, receipts, our own probe.

Everything passes here, so that there is one answer to "and without a broker?": then there is nobody
to tell (telemetry over HTTP is answered where it is posted).
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.sequence import SequenceTracker
from ingest.answering import Answering
from ingest.batching import Answer
from ingest.mqtt import MqttSession
from ingest.packets import Delivery
from ingest.receipts import Receipts
from ingest.topics import PROBE_TOPIC


class Downlink:
    """The way back to gateways.

    Args:
        sequences: What is settled; read only.

    Attributes:
        session: the MQTT session; None without a broker.
        answering: rejections that wait for their turn.
        receipts: which are owed.
    """

    def __init__(self, sequences: SequenceTracker) -> None:
        self.session: MqttSession | None = None
        self.answering = Answering(self._publish_surely)
        self.receipts = Receipts(sequences, self._publish)

    def acknowledge(self, connection: int, packet_ids: Sequence[int]) -> None:
        """Tell the broker that these messages of a connection are taken care of."""
        if self.session is not None:
            self.session.acknowledge(connection, packet_ids)

    def acknowledge_now(self, connection: int, delivery: Delivery) -> None:
        """Tell the broker so of one message that waits for no batch."""
        if delivery.packet_id:
            self.acknowledge(connection, [delivery.packet_id])

    def answer(self, answer: Answer) -> None:
        """Tell a gateway what was refused."""
        if self.session is not None:
            self.answering.give(answer)

    def send(self, now: int) -> None:
        """Send what waits, and the receipts that are owed; `now` in µs UTC."""
        if self.answering.send():  # a receipt must not pass the rejection it counts
            self.receipts.send(now)

    def probe(self, payload: bytes) -> None:
        """Publish to ourselves, where what is published comes back."""
        if self.session is not None and self.session.ready.is_set():
            self.session.publish(PROBE_TOPIC, payload, at_least_once=True)

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self.session is not None and self.session.publish(topic, payload)

    def _publish_surely(self, topic: str, payload: bytes) -> bool:
        session = self.session
        return session is not None and session.publish(topic, payload, at_least_once=True)
