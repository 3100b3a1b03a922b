"""Messages that go into no batch: acknowledged at once, and answered where somebody must know.

A gateway's status, our own probe, what the broker keeps or should not have let through, telemetry of
gateways that are not registered, and what a fault of ours kept from being taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from domain.sequence import SequenceTracker
from domain.wire import Cause, Rejection, decode_status, peek_sequence
from ingest.batching import OVERHEAD, Answer, Batching
from ingest.downlink import Downlink
from ingest.gateways import GatewayTags, Records
from ingest.intake import OUR_FAULT, Intake
from ingest.packets import Delivery
from ingest.probing import Probing
from ingest.strangers import Strangers
from ingest.topics import Channel

_SETTLED_AT_ONCE: Final = 2000
"""Answered messages of newly registered gateways that are settled in one turn: about 5 ms."""
_log = logging.getLogger("vedette.ingest")


class Aside:
    """Deals with what is not telemetry of a registered gateway."""

    def __init__(
        self,
        *,
        tags: Callable[[str], GatewayTags | None],
        records: Records,
        sequences: SequenceTracker,
        intake: Intake,
        batching: Batching,
        probing: Probing,
        downlink: Downlink,
    ) -> None:
        self._tags = tags
        self._records = records
        self._sequences = sequences
        self._intake = intake
        self._batching = batching
        self._probing = probing
        self._downlink = downlink
        self._strangers = Strangers()

    def take(self, channel: Channel, gateway: str, delivery: Delivery, connection: int) -> None:
        """A message on a topic other than those of telemetry."""
        if channel is Channel.PROBE:
            self._take_probe(delivery.payload)
        elif channel is Channel.STATUS:
            self._take_status(gateway, delivery.payload)
        else:
            self._intake.figures.foreign += 1
        self._downlink.acknowledge_now(connection, delivery)

    def drop_retained(self, delivery: Delivery, connection: int) -> None:
        """A copy that the broker keeps for whoever subscribes (3.3.1.3): not what is so now.

        What was published came without this mark, or waits in our session's queue.
        """
        self._intake.figures.retained += 1
        self._downlink.acknowledge_now(connection, delivery)

    def refuse_stranger(
        self, gateway: str, delivery: Delivery, connection: int, received: int
    ) -> None:
        """Telemetry of a gateway that is not registered."""
        boot, seq = peek_sequence(delivery.payload)
        reason = f"gateway '{gateway}' is not registered; add it under Gateways"
        errors = (Rejection("", reason, Cause.TOPIC),)
        topic = delivery.topic.decode("utf-8", "replace")
        self._intake.refuse(gateway, None, topic, received, errors, delivery.payload)
        self._downlink.answer(Answer(gateway, boot, seq, errors))
        if seq is not None:
            self._strangers.answered(gateway, boot, seq)
        self._downlink.acknowledge_now(connection, delivery)

    def set_aside(self, gateway: str, delivery: Delivery, connection: int, received: int) -> None:
        """A message that something of ours failed on; call it while handling what was raised."""
        topic = delivery.topic.decode("utf-8", "replace")
        _log.exception("a message on %s could not be taken: it is set aside", topic)
        self._intake.figures.failed += 1
        self._intake.refuse(gateway, None, topic, received, (OUR_FAULT,), delivery.payload)
        if gateway:
            self._downlink.answer(Answer(gateway, None, None, (OUR_FAULT,)))
        self._downlink.acknowledge_now(connection, delivery)

    def violation(self, gateway: str, topic: str, received: int) -> None:
        """A publish outside a gateway's own topics, which the broker dropped and reported."""
        self._intake.figures.violations += 1
        reason = f"gateway '{gateway}' may not publish on '{topic}'; the message was dropped"
        errors = (Rejection("topic", reason, Cause.TOPIC),)
        known = self._tags(gateway)
        record = self._records.of(gateway, known.number) if known else None
        self._intake.refuse(gateway, record, topic, received, errors, b"")
        self._downlink.answer(Answer(gateway, None, None, errors))

    def settle_strangers(self, now: int) -> None:
        """Give the journal what was answered to gateways that are registered by now."""
        left = _SETTLED_AT_ONCE
        for gateway in self._strangers:
            known = self._tags(gateway)
            if known is None or not left:
                continue
            self._records.of(gateway, known.number)
            batch = self._batching.open()
            settled = self._strangers.settle(gateway, batch, known.number, now, most=left)
            self._batching.added(batch, settled * OVERHEAD)
            left -= settled

    def _take_probe(self, payload: bytes) -> None:
        sent_at = self._probing.sent_at(payload)
        if sent_at is None:
            return
        if self._batching.is_idle:
            self._probing.settled(sent_at)
        else:
            self._batching.open().probes.append(sent_at)

    def _take_status(self, gateway: str, payload: bytes) -> None:
        known, online = self._tags(gateway), decode_status(payload)
        if known is None or online is None:
            return
        self._records.of(gateway, known.number).online = online
        if online:
            # It may have missed its last receipt while it was away.
            for boot in self._sequences.boots(known.number):
                self._downlink.receipts.owe(known.number, gateway, boot)
