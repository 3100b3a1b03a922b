"""Batches in the making: filled by messages, closed by size or age, given to the sink in order.

What must wait until a batch is durable (acknowledgements, rejections, HTTP callers, our probes)
hangs on the batch. The sink gets one batch at a time; meanwhile the next one fills.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from domain.building import BatchBuilder
from domain.readings import MessageColumns, ReadingBatch
from domain.wire import Rejection
from store.journal import JournalUnavailable

OVERHEAD: Final = 200
"""Bytes of memory that a message takes beside its payload, about."""
_SHORTEST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0
_log = logging.getLogger("vedette.ingest")


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """What one durable batch took."""

    messages: int
    readings: int
    filling_s: float
    """From its first message until the sink got it."""
    sink_s: float
    """Until it was durable, failures and back-off included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A rejection, sent once what could be used of the message is durable."""

    gateway: str
    boot: str | None
    seq: int | None
    errors: tuple[Rejection, ...]


class Batch:
    """Messages gathered so far, and what waits for their durability.

    Attributes:
        builder: the rows.
        opened_at: monotonic seconds of its first message.
        bytes: of memory, about, that its messages hold.
        repeated: (gateway number, boot) of copies left out: their senders missed a receipt.
        answers: rejections to be sent.
        posts: HTTP callers.
        probes: our own probes, by when they were sent.
        packet_ids: MQTT messages to be acknowledged, as uint16.
        connection: the MQTT connection they belong to.
    """

    def __init__(self, opened_at: float) -> None:
        self.builder = BatchBuilder()
        self.opened_at = opened_at
        self.bytes = 0
        self.repeated: set[tuple[int, str | None]] = set()
        self.answers: list[Answer] = []
        self.posts: list[asyncio.Future[None]] = []
        self.probes: list[float] = []
        self.connection = 0
        self.packet_ids = array("H")

    def acknowledge_later(self, connection: int, packet_id: int) -> None:
        """Have a message acknowledged when the batch is durable; 0 needs none."""
        if connection > self.connection:
            # The numbers of a lost connection mean nothing to the next one.
            self.connection = connection
            del self.packet_ids[:]
        if packet_id and connection == self.connection:
            self.packet_ids.append(packet_id)


class Batching:
    """Closes batches and gets them durable, one by one.

    Args:
        sink: Makes a batch durable; raises `JournalUnavailable` if it cannot.
        settle: Told when a batch is durable, with its messages.
        full_readings: A batch of this many readings is closed.
        full_age_s: And so is one this old.
        on_batch: Told how long each took.

    Attributes:
        waiting_bytes: of all batches not yet durable, about.
        fault: why the sink cannot keep anything now, or None.
    """

    def __init__(
        self,
        sink: Callable[[ReadingBatch], Awaitable[object]],
        settle: Callable[[Batch, MessageColumns], None],
        *,
        full_readings: int,
        full_age_s: float,
        on_batch: Callable[[BatchFigures], None],
    ) -> None:
        self._sink = sink
        self._settle = settle
        self._full_readings = full_readings
        self._full_age_s = full_age_s
        self._on_batch = on_batch
        self._open: Batch | None = None
        self._closed: deque[Batch] = deque()
        self._opened = asyncio.Event()
        self._closed_one = asyncio.Event()
        self.waiting_bytes = 0
        self.fault: str | None = None

    def open(self) -> Batch:
        """The batch that is being filled; a new one if there is none."""
        if self._open is None:
            self._open = Batch(asyncio.get_running_loop().time())
            self._opened.set()
        return self._open

    @property
    def is_idle(self) -> bool:
        """Whether everything taken so far is durable."""
        return self._open is None and not self._closed

    def added(self, batch: Batch, size: int) -> None:
        """Note that a message of `size` bytes went into the open batch."""
        batch.bytes += size
        self.waiting_bytes += size
        if len(batch.builder) >= self._full_readings:
            self._close()

    async def run(self) -> None:
        """Make batches durable until cancelled."""
        while True:
            batch = await self._next()
            rows = batch.builder.build()
            if len(rows.messages):  # else there is nothing but a probe
                await self._deliver(batch, rows)
            self._closed.popleft()
            self.waiting_bytes -= batch.bytes
            self._settle(batch, rows.messages)

    def _close(self) -> None:
        if self._open is not None:
            self._closed.append(self._open)
            self._open = None
            self._opened.clear()
            self._closed_one.set()

    async def _next(self) -> Batch:
        """The oldest closed batch, which stays first in line until it is durable."""
        if not self._closed:
            await self._opened.wait()
            if self._open is not None and not self._closed:
                left_s = self._open.opened_at + self._full_age_s - asyncio.get_running_loop().time()
                self._closed_one.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(left_s, 0)):
                        await self._closed_one.wait()
            if not self._closed:
                self._close()
        return self._closed[0]

    async def _deliver(self, batch: Batch, rows: ReadingBatch) -> None:
        loop = asyncio.get_running_loop()
        backoff_s, begun = _SHORTEST_BACKOFF_S, loop.time()
        while True:
            try:
                await self._sink(rows)
            except JournalUnavailable as fault:
                self._refused(fault)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
            else:
                break
        if self.fault is not None:
            _log.warning("messages become durable again")
            self.fault = None
        self._on_batch(
            BatchFigures(
                messages=len(rows.messages),
                readings=len(rows),
                filling_s=begun - batch.opened_at,
                sink_s=loop.time() - begun,
            )
        )

    def _refused(self, fault: JournalUnavailable) -> None:
        if self.fault is None:
            _log.error("nothing is acknowledged, for it cannot be kept: %s", fault)
        self.fault = str(fault)
        self._fail_posts(fault)

    def _fail_posts(self, fault: JournalUnavailable) -> None:
        """HTTP callers can try again by themselves; they should not wait for the journal."""
        for batch in (*self._closed, *([self._open] if self._open else ())):
            for waiting in batch.posts:
                if not waiting.done():
                    waiting.set_exception(JournalUnavailable(str(fault)))
            batch.posts.clear()
