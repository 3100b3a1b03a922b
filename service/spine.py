"""The one order of things: entry -> journal -> fold -> screens and store.

Everything the fold depends on passes `Spine.append`. Entries that wait together are made durable
together (one write of the journal), then folded one by one in that same order. Two tasks, so
that the journal writes the next group while this one is judged:

    append() -> inbox -> [journal task] -> durable -> [fold task] -> outcome
                             |                            |-> feed (screens), storer
                             `-> the caller may acknowledge the gateway

The inbox is bounded; a full one makes callers wait, which holds back ingest and so the broker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from alerting import Fold, Outcome
from api.ports import Event
from domain.entries import Entry, EntryKind
from domain.readings import Position, ReadingBatch
from service.feed import Feed
from service.metrics import Metrics
from service.progress import Progress
from store.journal import Journal, JournalUnavailable

INBOX: Final = 64
"""Entries that may wait for the journal."""
GROUP: Final = 32
"""Entries made durable by one write."""
DECISIONS: Final = 400
"""Latest batches whose decision time is kept."""

log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Who is told of every folded entry, in order (the storer)."""

    def offer(self, position: int, entry: Entry, outcome: Outcome) -> None: ...


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    durable: asyncio.Future[int]
    folded: asyncio.Future[Outcome] | None
    received: int | None
    """Of the oldest message of a batch, server time µs: decision time counts from it."""


class Spine:
    """Owns the journal's write end and the live fold. Use from one event loop.

    Attributes:
        fold: the live fold; read by screens, written here only.
        waiting: entries appended, and neither folded nor refused by the journal yet.
        progress: what has been folded, to compare with what is stored.
        fault: why the journal cannot keep anything now, or None.
    """

    def __init__(
        self,
        journal: Journal,
        fold: Fold,
        *,
        feed: Feed,
        sink: Sink,
        metrics: Metrics,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._journal = journal
        self.fold = fold
        self._feed = feed
        self._sink = sink
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._decisions_us: deque[int] = deque(maxlen=DECISIONS)
        self.progress = Progress()
        self._inbox: asyncio.Queue[_Waiting] = asyncio.Queue(INBOX)
        self._durable: asyncio.Queue[tuple[int, _Waiting]] = asyncio.Queue(INBOX + GROUP)
        self.waiting = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.fault: str | None = None

    async def append_batch(self, batch: ReadingBatch) -> None:
        """Make a batch durable; ingest may acknowledge its messages when this returns.

        Raises:
            JournalUnavailable: it was not kept; nothing may be acknowledged.
        """
        received = int(batch.messages.received.min()) if len(batch.messages) else None
        entry = Entry(EntryKind.BATCH, batch.to_bytes())
        waiting = await self._enqueue(entry, want_outcome=False, received=received)
        await waiting.durable

    async def append(self, entry: Entry) -> Position:
        """Make an entry durable; it will be folded in the order of its position.

        Raises:
            JournalUnavailable: it was not kept; nothing may be acknowledged.
        """
        waiting = await self._enqueue(entry, want_outcome=False)
        return Position(await waiting.durable)

    async def decide(self, entry: Entry) -> tuple[Position, Outcome]:
        """Like `append`, and wait for what the fold made of it.

        Raises:
            JournalUnavailable: it was not kept and not folded.
        """
        waiting = await self._enqueue(entry, want_outcome=True)
        position = await waiting.durable
        assert waiting.folded is not None
        return Position(position), await waiting.folded

    async def _enqueue(
        self, entry: Entry, *, want_outcome: bool, received: int | None = None
    ) -> _Waiting:
        loop = asyncio.get_running_loop()
        folded = loop.create_future() if want_outcome else None
        waiting = _Waiting(entry, loop.create_future(), folded, received)
        self._begun(1)
        try:
            await self._inbox.put(waiting)
        except asyncio.CancelledError:
            self._ended(1)
            raise
        return waiting

    async def settled(self) -> None:
        """Wait until all that was appended is folded, or refused by the journal."""
        await self._quiet.wait()

    def _begun(self, entries: int) -> None:
        self.waiting += entries
        self._quiet.clear()

    def _ended(self, entries: int) -> None:
        self.waiting -= entries
        if not self.waiting:
            self._quiet.set()

    async def write_journal(self) -> None:
        """Task: make waiting entries durable, in groups, for ever."""
        next_ = self._journal.last + 1
        while True:
            group = [await self._inbox.get()]
            while len(group) < GROUP and not self._inbox.empty():
                group.append(self._inbox.get_nowait())
            started = self._monotonic()
            try:
                first = await self._journal.append([waiting.entry for waiting in group])
            except JournalUnavailable as error:
                self._refuse(group, error)
                continue
            await self._take_kept_unanswered(next_, first)
            next_ = first + len(group)
            self._note_kept(group)
            self._metrics.stage_seconds.labels("journal").observe(self._monotonic() - started)
            for offset, waiting in enumerate(group):
                if not waiting.durable.done():
                    waiting.durable.set_result(first + offset)
                await self._durable.put((first + offset, waiting))

    async def _take_kept_unanswered(self, begin: int, end: int) -> None:
        """Fold entries of [begin, end) too: the journal failed, but had them on disk already.

        Their callers were refused and try again. But every other fold of this journal meets them.
        """
        while begin < end:
            entries = await self._journal.read(begin - 1, max_bytes=4 << 20)
            entries = [each for each in entries if each[0] < end]
            if not entries:
                return
            for position, entry in entries:
                log.warning("journal.kept_unanswered", position=position)
                durable = asyncio.get_running_loop().create_future()
                self._begun(1)
                await self._durable.put((position, _Waiting(entry, durable, None, None)))
            begin = entries[-1][0] + 1

    def _note_kept(self, group: list[_Waiting]) -> None:
        """The fault is over when a batch was kept: in a full journal a tick may still find room."""
        if self.fault is not None and any(w.entry.kind is EntryKind.BATCH for w in group):
            log.info("journal.recovered")
            self.fault = None

    def _refuse(self, group: list[_Waiting], error: JournalUnavailable) -> None:
        if self.fault is None:
            log.error("journal.unavailable", reason=str(error))
        self.fault = str(error)
        for waiting in group:
            for future in (waiting.durable, waiting.folded):
                if future is not None and not future.done():
                    future.set_exception(JournalUnavailable(str(error)))
                    future.exception()  # a caller that has gone away is no news
        self._ended(len(group))

    async def fold_entries(self) -> None:
        """Task: fold durable entries, one by one, for ever."""
        while True:
            position, waiting = await self._durable.get()
            started = self._monotonic()
            outcome = self._fold_one(position, waiting.entry)
            self._metrics.stage_seconds.labels("fold").observe(self._monotonic() - started)
            self._metrics.judged(outcome)
            if waiting.received is not None:
                decided_us = self._clock() - waiting.received
                self._decisions_us.append(decided_us)
                self._metrics.stage_seconds.labels("decide").observe(max(decided_us, 0) / 1e6)
            self._sink.offer(position, waiting.entry, outcome)
            if waiting.folded is not None and not waiting.folded.done():
                waiting.folded.set_result(outcome)
            self._ended(1)

    def _fold_one(self, position: int, entry: Entry) -> Outcome:
        outcome = self.fold.apply(position, entry)
        kept = 0 if outcome.verdict is None else int(outcome.verdict.kept.sum())
        self.progress.note(position, kept, at=self._clock())
        if outcome.alarms:
            self._feed.publish(events_of(position, outcome))
        return outcome

    def decision_ms_p50(self) -> float | None:
        """Median time from reception to verdict of the last batches (ms)."""
        if not self._decisions_us:
            return None
        return sorted(self._decisions_us)[len(self._decisions_us) // 2] / 1000

    async def replay(self, after: int) -> int:
        """Fold what the journal holds after a position (start-up); returns entries folded."""
        count = 0
        while True:
            entries = await self._journal.read(after, max_bytes=8 << 20)
            if not entries:
                return count
            for position, entry in entries:
                self._fold_one(position, entry)
            after = entries[-1][0]
            count += len(entries)
            await asyncio.sleep(0)


def events_of(position: int, outcome: Outcome) -> list[Event]:
    """The alarm transitions of an outcome as stream events.

    An alarm that changed twice in one entry appears as it stands at the end of the entry.
    """
    alarms = {alarm.id: alarm for alarm in outcome.alarms}
    return [
        Event(Position(position), ordinal, transition, alarms[transition.alarm], stored=False)
        for ordinal, transition in enumerate(outcome.transitions)
        if transition.what == "alarm" and transition.alarm in alarms
    ]
