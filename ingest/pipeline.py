"""`Ingest`: from message to durable batch to answer.

    session -> _take -> [order] -> open batch -> sink -> acknowledge, receipts, rejections

Only what the sink has returned for is acknowledged. While it cannot keep anything, the same batch
is offered again and again; when memory is full, reading from the broker stops. A message that
cannot be taken, whatever the reason, is set aside, answered and acknowledged; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from domain.readings import MessageColumns, ReadingBatch
from domain.sequence import SequenceTracker
from domain.wire import (
    Cause,
    MalformedMessage,
    Rejection,
    decode_status,
    peek_sequence,
)
from ingest.answering import Answering
from ingest.batching import Answer, Batch, BatchFigures, Batching
from ingest.gateways import GatewayRecord, GatewayTags, GatewayView, never_heard
from ingest.intake import OUR_FAULT, IngestFigures, Intake
from ingest.mqtt import MqttSession
from ingest.ordering import Reordering
from ingest.packets import Delivery
from ingest.probing import PROBE_EVERY_S, Probing
from ingest.quarantine import Quarantined
from ingest.receipts import RECEIPT_EVERY_S, Receipts
from ingest.strangers import Strangers
from ingest.topics import FILTERS, PROBE_TOPIC, Channel, Routes
from store.journal import JournalUnavailable

_ORDER_EVERY_S: Final = 0.05
MOST_IN_HAND: Final = 30_000
"""Messages taken and not acknowledged: half of what packet ids can tell apart. They are released
by the age of their batch, so nothing waits for this number."""
_OVERHEAD: Final = 200
"""Bytes a message takes beside its payload, about."""
_SETTLED_AT_ONCE: Final = 2000
"""Answered messages of newly registered gateways that are settled in one turn: about 5 ms."""
_log = logging.getLogger("vedette.ingest")


@dataclass(frozen=True, slots=True)
class Timing:
    """When a batch is closed, how far memory goes, what the broker does after a reconnect.

    Attributes:
        batch_readings: a batch of this many readings is closed.
        batch_age_s: and so is one this old; with the former, the trade of delay for throughput.
        most_bytes: of messages not yet durable; beyond it nothing more is read.
        redelivery_s: how long after a connect the broker may send unacknowledged messages again
            behind newer ones; 0 for one that sends them first.
        caught_up_s: with what delay we still count as listening.
    """

    batch_readings: int = 5000
    batch_age_s: float = 0.01
    most_bytes: int = 64 * 1024 * 1024
    redelivery_s: float = 0.0
    caught_up_s: float = 5.0


class Posted(NamedTuple):
    """What became of telemetry posted over HTTP; it is durable."""

    boot: str | None
    stored: int | None
    errors: tuple[Rejection, ...]


class _Message(NamedTuple):
    """A message that waits for its turn."""

    gateway: GatewayTags
    record: GatewayRecord
    delivery: Delivery
    connection: int
    received: int
    backfill: bool


class Ingest:
    """Takes what gateways send and gives it to the sink; `run` it as one task.

    Attributes:
        figures: counts for the metrics.
        sequences: what is settled per gateway; changed here only.
        session: the MQTT session; None without a broker.
    """

    def __init__(
        self,
        *,
        sink: Callable[[ReadingBatch], Awaitable[object]],
        tags: Callable[[str], GatewayTags | None],
        clock: Callable[[], int],
        sequences: SequenceTracker,
        quarantine: Callable[[Quarantined], None],
        timing: Timing = Timing(),
        on_batch: Callable[[BatchFigures], None] = lambda _figures: None,
    ) -> None:
        """Wire it up; nothing runs yet.

        Args:
            sink: Makes a batch durable; raises `JournalUnavailable` if it cannot. Whatever else
                it raises ends `run`.
            tags: A gateway's number and tags by its id; None if it is not registered.
            clock: µs UTC.
            sequences: What is settled at the start. Taken over: pass a copy.
            quarantine: Told of every message refused, wholly or in part; must not block.
            timing: Sizes and times.
            on_batch: Told of every durable batch.
        """
        self._tags = tags
        self._clock = clock
        self._timing = timing
        self.sequences = sequences
        self.session: MqttSession | None = None
        self._routes = Routes()
        self._records: dict[int, GatewayRecord] = {}
        self._intake = Intake(sequences, quarantine)
        self._batching = Batching(
            sink,
            self._settle,
            full_readings=timing.batch_readings,
            full_age_s=timing.batch_age_s,
            on_batch=on_batch,
        )
        self._order = Reordering[_Message](sequences, window_s=2 * timing.redelivery_s)
        self._probing = Probing(redelivery_s=timing.redelivery_s, caught_up_s=timing.caught_up_s)
        self._receipts = Receipts(sequences, self._publish)
        self._answering = Answering(self._publish_surely)
        self._strangers = Strangers()

    def connect_to(
        self,
        url: str,
        *,
        client_id: str,
        username: str = "",
        password: str = "",
        ca_file: Path | None = None,
    ) -> MqttSession:
        """Say which broker to take messages from, before `run`; arguments as of `MqttSession`.

        Returns:
            The session; its `ready` is set while the broker keeps messages for us.

        Raises:
            ValueError: the URL is no broker's.
            OSError: `ca_file` cannot be read, or holds no certificates.
        """
        self.session = MqttSession(
            url,
            client_id=client_id,
            username=username,
            password=password,
            filters=FILTERS,
            take=self._take,
            connected=self._on_connect,
            ca_file=ca_file,
        )
        return self.session

    async def run(self) -> None:
        """Take, make durable and answer, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self.session is not None:
                group.create_task(self.session.run(), name="ingest-mqtt")
                group.create_task(self._send_probes(), name="ingest-probes")
                group.create_task(self._keep_order(), name="ingest-order")
                group.create_task(self._send_receipts(), name="ingest-receipts")
            group.create_task(self._batching.run(), name="ingest-batches")

    @property
    def figures(self) -> IngestFigures:
        return self._intake.figures

    @property
    def answers_dropped(self) -> int:
        """Rejections that could not be sent and gave way to newer ones."""
        return self._answering.dropped

    @property
    def listening(self) -> bool:
        """Whether silence is the gateways' own: connected, and all the broker had is durable."""
        session = self.session
        return (
            session is not None
            and session.ready.is_set()
            and self._probing.is_listening(asyncio.get_running_loop().time())
        )

    @property
    def faults(self) -> list[str]:
        """What keeps messages from becoming durable, or silence from being judged, now."""
        found = [self._batching.fault] if self._batching.fault else []
        session = self.session
        if session is not None and session.fault:
            found.append(session.fault)
        elif (
            not found
            and session is not None
            and self._probing.is_lost(asyncio.get_running_loop().time())
        ):
            found.append(
                f"what is published on {PROBE_TOPIC} does not come back: let the service's own "
                "user publish there, or reduce the load; until then silence cannot be judged"
            )
        return found

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages taken and not yet durable, about."""
        return self._batching.waiting_bytes + self._order.held_bytes

    def gateway(self, number: int) -> GatewayView:
        """What is known of one gateway right now."""
        record = self._records.get(number)
        return record.view(self.sequences) if record else never_heard(number, self.sequences)

    async def post(self, gateway: str, payload: bytes, *, backfill: bool) -> Posted:
        """Take one message that came over HTTP; returns when it is durable.

        Raises:
            MalformedMessage: nothing of it could be used, or there is no such gateway.
            JournalUnavailable: it could not be kept; the sender must try again.
        """
        known = self._tags(gateway)
        if known is None:
            raise MalformedMessage(f"gateway '{gateway}' is not registered", Cause.TOPIC)
        if self._batching.fault is not None:
            raise JournalUnavailable(self._batching.fault)
        record = self._record(gateway, known.number)
        topic = f"POST /telemetry/{gateway}"
        batch = self._batching.open()
        read = self._intake.read(batch, known, record, payload, self._clock(), topic, backfill)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        batch.posts.append(durable)
        self._batching.added(batch, len(payload) + _OVERHEAD)
        await durable
        if isinstance(read, MalformedMessage):
            raise read
        through = self.sequences.through(known.number, read.boot) if read.seq else None
        return Posted(read.boot, through, read.errors)

    def violation(self, gateway: str, topic: str) -> None:
        """Answer a publish outside a gateway's own topics, which the broker dropped."""
        self.figures.violations += 1
        reason = f"gateway '{gateway}' may not publish on '{topic}'; the message was dropped"
        errors = (Rejection("topic", reason, Cause.TOPIC),)
        known = self._tags(gateway)
        record = self._record(gateway, known.number) if known else None
        self._intake.refuse(gateway, record, topic, self._clock(), errors, b"")
        self._answer(Answer(gateway, None, None, errors))

    def _on_connect(self) -> None:
        now = asyncio.get_running_loop().time()
        self._probing.connected(now)
        self._order.open(now)

    def _take(self, connection: int, deliveries: list[Delivery]) -> None:
        received = self._clock()
        find, tags, records = self._routes.find, self._tags, self._records
        in_order = self._order.is_open
        for delivery in deliveries:
            channel, gateway = find(delivery.topic)
            try:
                if channel is not Channel.TELEMETRY and channel is not Channel.BACKFILL:
                    self._take_other(channel, gateway, delivery, connection)
                    continue
                if delivery.retained:
                    self._drop_retained(delivery, connection)
                    continue
                known = tags(gateway)
                if known is None:
                    self._take_unregistered(gateway, delivery, connection, received)
                    continue
                record = records.get(known.number)
                if record is None or record.id != gateway:
                    record = self._record(gateway, known.number)
                backfill = channel is Channel.BACKFILL
                if in_order:
                    message = _Message(known, record, delivery, connection, received, backfill)
                    self._take_in_order(message)
                else:
                    self._add(known, record, delivery, connection, received, backfill)
            except Exception:  # noqa: BLE001 - whatever one message does, the others must go on
                self._set_aside(gateway, delivery, connection, received)
        self._hold_back_if_full()

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
        self._batching.added(batch, len(payload) + _OVERHEAD)

    def _take_in_order(self, message: _Message) -> None:
        boot, seq = peek_sequence(message.delivery.payload)
        number = message.gateway.number
        if seq is None:
            self._add(*message)
        elif self.sequences.seen(number, boot, seq):
            self._add(*message)  # a copy of what is durable keeps nobody waiting
        else:
            size = len(message.delivery.payload) + _OVERHEAD
            for ready in self._order.arrange(number, boot, seq, message, size):
                self._add(*ready)

    def _drop_retained(self, delivery: Delivery, connection: int) -> None:
        """A copy that the broker keeps for whoever subscribes (3.3.1.3): not what is so now.

        What was published came without this mark, or waits in our session's queue.
        """
        self.figures.retained += 1
        self._acknowledge_now(connection, delivery)

    def _set_aside(self, gateway: str, delivery: Delivery, connection: int, received: int) -> None:
        """A message that something of ours failed on; call it while handling what was raised."""
        topic = delivery.topic.decode("utf-8", "replace")
        _log.exception("a message on %s could not be taken: it is set aside", topic)
        self.figures.failed += 1
        self._intake.refuse(gateway, None, topic, received, (OUR_FAULT,), delivery.payload)
        if gateway:
            self._answer(Answer(gateway, None, None, (OUR_FAULT,)))
        self._acknowledge_now(connection, delivery)

    def _take_other(
        self, channel: Channel, gateway: str, delivery: Delivery, connection: int
    ) -> None:
        if channel is Channel.PROBE:
            self._take_probe(delivery.payload)
        elif channel is Channel.STATUS:
            self._take_status(gateway, delivery.payload)
        else:
            self.figures.foreign += 1
        self._acknowledge_now(connection, delivery)

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
        self._record(gateway, known.number).online = online
        if online:
            # It may have missed its last receipt while it was away.
            for boot in self.sequences.boots(known.number):
                self._receipts.owe(known.number, gateway, boot)

    def _take_unregistered(
        self, gateway: str, delivery: Delivery, connection: int, received: int
    ) -> None:
        boot, seq = peek_sequence(delivery.payload)
        reason = f"gateway '{gateway}' is not registered; add it under Gateways"
        errors = (Rejection("", reason, Cause.TOPIC),)
        topic = delivery.topic.decode("utf-8", "replace")
        self._intake.refuse(gateway, None, topic, received, errors, delivery.payload)
        self._answer(Answer(gateway, boot, seq, errors))
        if seq is not None:
            self._strangers.answered(gateway, boot, seq)
        self._acknowledge_now(connection, delivery)

    def _settle_strangers(self) -> None:
        """Give the journal what was answered to gateways that are registered by now."""
        left = _SETTLED_AT_ONCE
        for gateway in self._strangers:
            known = self._tags(gateway)
            if known is None or not left:
                continue
            self._record(gateway, known.number)
            batch = self._batching.open()
            settled = self._strangers.settle(gateway, batch, known.number, self._clock(), most=left)
            self._batching.added(batch, settled * _OVERHEAD)
            left -= settled

    def _acknowledge_now(self, connection: int, delivery: Delivery) -> None:
        if self.session is not None and delivery.packet_id:
            self.session.acknowledge(connection, [delivery.packet_id])

    def _settle(self, batch: Batch, messages: MessageColumns) -> None:
        """A batch is durable: everybody who waited for it hears of it."""
        owed = self.sequences.apply(messages) | batch.repeated
        self._intake.settled(batch)
        for answer in batch.answers:  # first, lest the acknowledgement arrive and they do not
            self._answer(answer)
        if self.session is not None:
            self.session.acknowledge(batch.connection, batch.packet_ids)
        for sent_at in batch.probes:
            self._probing.settled(sent_at)
        for number, boot in owed:
            self._receipts.owe(number, self._records[number].id, boot)
        for waiting in batch.posts:
            if not waiting.done():
                waiting.set_result(None)
        self._hold_back_if_full()

    def _answer(self, answer: Answer) -> None:
        if self.session is not None:
            self._answering.give(answer)

    def _hold_back_if_full(self) -> None:
        if self.session is None:
            return
        waiting, in_hand = self.waiting_bytes, self.session.in_hand
        if waiting > self._timing.most_bytes or in_hand > MOST_IN_HAND:
            self.session.hold_back(hold=True)
        elif waiting < self._timing.most_bytes // 2 and in_hand < MOST_IN_HAND // 2:
            self.session.hold_back(hold=False)

    async def _keep_order(self) -> None:
        while True:
            await asyncio.sleep(_ORDER_EVERY_S)
            if self._order.is_open:
                for message in self._order.due(asyncio.get_running_loop().time()):
                    self._add(*message)

    async def _send_probes(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            payload = self._probing.payload(asyncio.get_running_loop().time())
            if self.session is not None and self.session.ready.is_set():
                self.session.publish(PROBE_TOPIC, payload, at_least_once=True)

    async def _send_receipts(self) -> None:
        while True:
            await asyncio.sleep(RECEIPT_EVERY_S)
            self._settle_strangers()
            if self._answering.send():  # a receipt must not pass the rejection it counts
                self._receipts.send(self._clock())

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self.session is not None and self.session.publish(topic, payload)

    def _publish_surely(self, topic: str, payload: bytes) -> bool:
        session = self.session
        return session is not None and session.publish(topic, payload, at_least_once=True)

    def _record(self, gateway: str, number: int) -> GatewayRecord:
        record = self._records.get(number)
        if record is None or record.id != gateway:
            record = self._records[number] = GatewayRecord(gateway, number)
        return record
