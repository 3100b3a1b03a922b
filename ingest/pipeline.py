"""`Ingest`: from message to durable batch to answer.

    session -> taking -> batches -> sink -> acknowledge, receipts, rejections

Only what the sink has returned for is acknowledged. While it cannot keep anything, the same batch
is offered again and again; when memory is full, reading from the broker stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.readings import MessageColumns, ReadingBatch
from domain.sequence import SequenceTracker
from ingest.aside import Aside
from ingest.batching import Batch, BatchFigures, Batching
from ingest.downlink import Downlink
from ingest.gateways import GatewayTags, GatewayView, Records, never_heard
from ingest.intake import IngestFigures, Intake
from ingest.mqtt import MqttSession
from ingest.packets import Delivery
from ingest.posting import Posted, Posting
from ingest.probing import PROBE_EVERY_S, Probing
from ingest.quarantine import Quarantined
from ingest.receipts import RECEIPT_EVERY_S
from ingest.taking import Taking
from ingest.topics import FILTERS, PROBE_TOPIC

_ORDER_EVERY_S: Final = 0.05
MOST_IN_HAND: Final = 30_000
"""Messages taken and not acknowledged: half of what packet ids can tell apart. They are released
by the age of their batch, so nothing waits for this number."""


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


class Ingest:
    """Takes what gateways send and gives it to the sink; `run` it as one task.

    Attributes:
        sequences: what is settled per gateway; changed here only.
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
        self._clock = clock
        self._most_bytes = timing.most_bytes
        self.sequences = sequences
        self._records = Records()
        self._intake = Intake(sequences, quarantine)
        self._batching = Batching(
            sink,
            self._settle,
            full_readings=timing.batch_readings,
            full_age_s=timing.batch_age_s,
            on_batch=on_batch,
        )
        self._probing = Probing(redelivery_s=timing.redelivery_s, caught_up_s=timing.caught_up_s)
        self._downlink = Downlink(sequences)
        self._aside = Aside(
            tags=tags,
            records=self._records,
            sequences=sequences,
            intake=self._intake,
            batching=self._batching,
            probing=self._probing,
            downlink=self._downlink,
        )
        self._taking = Taking(
            tags=tags,
            clock=clock,
            records=self._records,
            sequences=sequences,
            intake=self._intake,
            batching=self._batching,
            aside=self._aside,
            order_window_s=2 * timing.redelivery_s,
        )
        self._posting = Posting(
            tags=tags,
            clock=clock,
            records=self._records,
            sequences=sequences,
            intake=self._intake,
            batching=self._batching,
        )

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
        session = self._downlink.session = MqttSession(
            url,
            client_id=client_id,
            username=username,
            password=password,
            filters=FILTERS,
            take=self._take,
            connected=self._on_connect,
            ca_file=ca_file,
        )
        return session

    async def run(self) -> None:
        """Take, make durable and answer, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self.session is not None:
                group.create_task(self.session.run(), name="ingest-mqtt")
                group.create_task(self._send_probes(), name="ingest-probes")
                group.create_task(self._keep_order(), name="ingest-order")
                group.create_task(self._send_answers(), name="ingest-answers")
            group.create_task(self._batching.run(), name="ingest-batches")

    @property
    def session(self) -> MqttSession | None:
        """The MQTT session; None without a broker."""
        return self._downlink.session

    @property
    def figures(self) -> IngestFigures:
        """Counts for the metrics."""
        return self._intake.figures

    @property
    def answers_dropped(self) -> int:
        """Rejections that could not be sent and gave way to newer ones."""
        return self._downlink.answering.dropped

    @property
    def ordering_given_up(self) -> int:
        """Times messages went on out of order, because too many waited for those before them."""
        return self._taking.ordering_given_up

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
        return self._batching.waiting_bytes + self._taking.held_bytes

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
        return await self._posting.post(gateway, payload, backfill=backfill)

    def violation(self, gateway: str, topic: str) -> None:
        """Answer a publish outside a gateway's own topics, which the broker dropped."""
        self._aside.violation(gateway, topic, self._clock())

    def _on_connect(self) -> None:
        now = asyncio.get_running_loop().time()
        self._probing.connected(now)
        self._taking.connected(now)

    def _take(self, connection: int, deliveries: list[Delivery]) -> None:
        self._taking.take(connection, deliveries)
        self._hold_back_if_full()

    def _settle(self, batch: Batch, messages: MessageColumns) -> None:
        """A batch is durable: everybody who waited for it hears of it."""
        owed = self.sequences.apply(messages) | batch.repeated
        self._intake.settled(batch)
        for answer in batch.answers:  # first, lest the acknowledgement arrive and they do not
            self._downlink.answer(answer)
        self._downlink.acknowledge(batch.connection, batch.packet_ids)
        for sent_at in batch.probes:
            self._probing.settled(sent_at)
        for number, boot in owed:
            self._downlink.receipts.owe(number, self._records[number].id, boot)
        for waiting in batch.posts:
            if not waiting.done():
                waiting.set_result(None)
        self._hold_back_if_full()

    def _hold_back_if_full(self) -> None:
        if self.session is None:
            return
        waiting, in_hand = self.waiting_bytes, self.session.in_hand
        if waiting > self._most_bytes or in_hand > MOST_IN_HAND:
            self.session.hold_back(hold=True)
        elif waiting < self._most_bytes // 2 and in_hand < MOST_IN_HAND // 2:
            self.session.hold_back(hold=False)

    async def _keep_order(self) -> None:
        while True:
            await asyncio.sleep(_ORDER_EVERY_S)
            self._taking.take_due(asyncio.get_running_loop().time())

    async def _send_probes(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            self._downlink.probe(self._probing.payload(asyncio.get_running_loop().time()))

    async def _send_answers(self) -> None:
        while True:
            await asyncio.sleep(RECEIPT_EVERY_S)
            self._aside.settle_strangers(self._clock())
            self._downlink.send(self._clock())
