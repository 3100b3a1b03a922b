"""Telemetry posted over HTTP: into the same batches, answered when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from domain.sequence import SequenceTracker
from domain.wire import Cause, MalformedMessage, Rejection
from ingest.batching import OVERHEAD, Batching
from ingest.gateways import GatewayTags, Records
from ingest.intake import Intake
from store.journal import JournalUnavailable


class Posted(NamedTuple):
    """What became of telemetry posted over HTTP; it is durable."""

    boot: str | None
    stored: int | None
    errors: tuple[Rejection, ...]


class Posting:
    """Takes messages of which the sender waits for the answer."""

    def __init__(
        self,
        *,
        tags: Callable[[str], GatewayTags | None],
        clock: Callable[[], int],
        records: Records,
        sequences: SequenceTracker,
        intake: Intake,
        batching: Batching,
    ) -> None:
        self._tags = tags
        self._clock = clock
        self._records = records
        self._sequences = sequences
        self._intake = intake
        self._batching = batching

    async def post(self, gateway: str, payload: bytes, *, backfill: bool) -> Posted:
        """Take one message; returns when it is durable.

        Raises:
            MalformedMessage: nothing of it could be used, or there is no such gateway.
            JournalUnavailable: it could not be kept; the sender must try again.
        """
        known = self._tags(gateway)
        if known is None:
            raise MalformedMessage(f"gateway '{gateway}' is not registered", Cause.TOPIC)
        if self._batching.fault is not None:
            raise JournalUnavailable(self._batching.fault)
        record = self._records.of(gateway, known.number)
        topic = f"POST /telemetry/{gateway}"
        batch = self._batching.open()
        read = self._intake.read(batch, known, record, payload, self._clock(), topic, backfill)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        batch.posts.append(durable)
        self._batching.added(batch, len(payload) + OVERHEAD)
        await durable
        if isinstance(read, MalformedMessage):
            raise read
        through = self._sequences.through(known.number, read.boot) if read.seq else None
        return Posted(read.boot, through, read.errors)
