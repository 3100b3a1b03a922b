"""The hot path: from what the broker brought to the open batch, message by message.

    session -> take -> [order] -> open batch

A message that cannot be taken, whatever the reason, is set aside, answered and acknowledged; the
others go on. What is not telemetry of a registered gateway is the matter of `ingest.aside`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from domain.sequence import SequenceTracker
from domain.wire import peek_sequence
from ingest.aside import Aside
from ingest.batching import OVERHEAD, Batching
from ingest.gateways import GatewayRecord, GatewayTags, Records
from ingest.intake import Intake
from ingest.ordering import Reordering
from ingest.packets import Delivery
from ingest.topics import Channel, Routes


class _Message(NamedTuple):
    """A message that waits for its turn."""

    gateway: GatewayTags
    record: GatewayRecord
    delivery: Delivery
    connection: int
    received: int
    backfill: bool


class Taking:
    """Takes the telemetry of registered gateways.

    Args:
        tags: A gateway's number and tags by its id; None if it is not registered.
        clock: µs UTC.
        order_window_s: How long after a connect messages wait for those before them.

    The others are the parts it works with.
    """

    def __init__(
        self,
        *,
        tags: Callable[[str], GatewayTags | None],
        clock: Callable[[], int],
        records: Records,
        sequences: SequenceTracker,
        intake: Intake,
        batching: Batching,
        aside: Aside,
        order_window_s: float,
    ) -> None:
        self._tags = tags
        self._clock = clock
        self._records = records
        self._sequences = sequences
        self._intake = intake
        self._batching = batching
        self._aside = aside
        self._routes = Routes()
        self._order = Reordering[_Message](sequences, window_s=order_window_s)

    @property
    def held_bytes(self) -> int:
        """Of messages that wait for those before them, about."""
        return self._order.held_bytes

    @property
    def ordering_given_up(self) -> int:
        """Times order was given up for want of memory."""
        return self._order.gave_up

    def connected(self, now: float) -> None:
        """A connection was made, at `now` in seconds of a monotonic clock."""
        self._order.open(now)

    def take(self, connection: int, deliveries: list[Delivery]) -> None:
        """Take what a connection brought, in order of arrival."""
        received = self._clock()
        find, tags, records = self._routes.find, self._tags, self._records
        in_order = self._order.is_open
        for delivery in deliveries:
            channel, gateway = find(delivery.topic)
            try:
                if channel is not Channel.TELEMETRY and channel is not Channel.BACKFILL:
                    self._aside.take(channel, gateway, delivery, connection)
                    continue
                if delivery.retained:
                    self._aside.drop_retained(delivery, connection)
                    continue
                known = tags(gateway)
                if known is None:
                    self._aside.refuse_stranger(gateway, delivery, connection, received)
                    continue
                record = records.get(known.number)
                if record is None or record.id != gateway:
                    record = records.of(gateway, known.number)
                backfill = channel is Channel.BACKFILL
                if in_order:
                    message = _Message(known, record, delivery, connection, received, backfill)
                    self._take_in_order(message)
                else:
                    self._add(known, record, delivery, connection, received, backfill)
            except Exception:  # noqa: BLE001 - whatever one message does, the others must go on
                self._aside.set_aside(gateway, delivery, connection, received)

    def take_due(self, now: float) -> None:
        """Take what has waited for the messages before it long enough; call it often."""
        if self._order.is_open:
            for message in self._order.due(now):
                self._add(*message)

    def _add(
        self,
        gateway: GatewayTags,
        record: GatewayRecord,
        delivery: Delivery,
        connection: int,
        received: int,
        backfill: bool,  # noqa: FBT001 - the hot path passes by position
    ) -> None:
        payload = delivery.payload
        batch = self._batching.open()
        try:
            self._intake.read(batch, gateway, record, payload, received, delivery.topic, backfill)
        except Exception:  # noqa: BLE001 - whatever one message does, the others must go on
            self._intake.fail(batch, record, payload, received, delivery.topic, backfill)
        batch.acknowledge_later(connection, delivery.packet_id)
        self._batching.added(batch, len(payload) + OVERHEAD)

    def _take_in_order(self, message: _Message) -> None:
        boot, seq = peek_sequence(message.delivery.payload)
        number = message.gateway.number
        if seq is None:
            self._add(*message)
        elif self._sequences.seen(number, boot, seq):
            self._add(*message)  # a copy of what is durable keeps nobody waiting
        else:
            size = len(message.delivery.payload) + OVERHEAD
            for ready in self._order.arrange(number, boot, seq, message, size):
                self._add(*ready)
