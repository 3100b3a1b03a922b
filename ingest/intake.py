"""One message into the open batch, or into quarantine with an answer to its sender.

A message that cannot be used still gets its row: the journal then remembers that its `seq` was
answered, so the receipt goes past it and stays past it after a crash.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from domain.building import ReadingColumns
from domain.readings import NO_TIME, Reason
from domain.sequence import SequenceTracker
from domain.wire import Cause, MalformedMessage, MessageHead, Rejection, decode, peek_sequence
from ingest.batching import Answer, Batch
from ingest.gateways import GatewayRecord, GatewayTags
from ingest.quarantine import KEPT_BYTES, Quarantined

NO_READINGS: Final = ReadingColumns(array("i"), array("q"), array("d"), b"", array("H"))
OUR_FAULT: Final = Rejection(
    "", "the service failed to take this message, which is set aside: tell those who run it"
)
_log = logging.getLogger("vedette.ingest")


@dataclass(slots=True)
class IngestFigures:
    """Counts since the start of this process."""

    messages: int = 0
    readings: int = 0
    rejected: Counter[Cause] = field(default_factory=Counter)
    """Rejections by cause; a message refused as a whole counts once."""
    repeated: int = 0
    """Deliveries dropped because the message was durable already."""
    foreign: int = 0
    """Messages on topics that are not of the contract."""
    violations: int = 0
    """Forbidden publishes that the broker reported."""
    retained: int = 0
    """Copies of telemetry that the broker kept (RETAIN), dropped: they are nobody's news."""
    failed: int = 0
    """Messages we could not take through a fault of ours; they are in quarantine."""


class Intake:
    """Reads messages into batches and keeps the counts.

    Args:
        sequences: What is settled already; read only.
        quarantine: Told of every message refused, wholly or in part; must not block.
    """

    def __init__(
        self, sequences: SequenceTracker, quarantine: Callable[[Quarantined], None]
    ) -> None:
        self._sequences = sequences
        self._quarantine = quarantine
        self._on_the_way: set[tuple[int, str | None, int]] = set()
        """(gateway number, boot, seq) of what is taken and not durable yet."""
        self.figures = IngestFigures()

    def read(
        self,
        batch: Batch,
        gateway: GatewayTags,
        record: GatewayRecord,
        payload: bytes,
        received: int,
        topic: str | bytes,
        backfill: bool,  # noqa: FBT001
    ) -> MessageHead | MalformedMessage:
        """Add one message to the batch; what is refused of it is noted, never raised.

        A message whose `seq` is settled, or on its way to the journal, is a copy, or comes from a
        gateway that counts anew without a new `boot`. Readings with their own times are told apart
        by these, so they are taken, but marked: delivered again behind a correction, they must not
        replace it. Readings that have none but the time we received them would be doubled.
        """
        figures = self.figures
        figures.messages += 1
        record.heard(payload, received)
        try:
            head = decode(payload, gateway.tags, received, batch.builder, gateway.number, backfill)
        except MalformedMessage as fault:
            self._refuse_whole(batch, record, payload, received, topic, backfill, fault.rejection)
            return fault
        if head.seq is not None:
            key = (gateway.number, head.boot, head.seq)
            if key not in self._on_the_way and not self._sequences.seen(*key):
                self._on_the_way.add(key)
            elif batch.builder.last_lacks_times():
                batch.builder.remove_last()
                batch.repeated.add((gateway.number, head.boot))
                if head.errors:  # whoever sends again may have missed the answer, too
                    batch.answers.append(Answer(record.id, head.boot, head.seq, head.errors))
                figures.repeated += 1
                return head
            else:
                batch.builder.mark_last(Reason.COPY)
        record.readings += head.readings_accepted
        figures.readings += head.readings_accepted
        if head.errors:
            batch.answers.append(Answer(record.id, head.boot, head.seq, head.errors))
            self.refuse(record.id, record, _text(topic), received, head.errors, payload)
        return head

    def fail(
        self,
        batch: Batch,
        record: GatewayRecord,
        payload: bytes,
        received: int,
        topic: str | bytes,
        backfill: bool,  # noqa: FBT001
    ) -> None:
        """Set aside a message that `read` failed on; call it while handling what was raised."""
        _log.exception("a message on %s could not be read: it is set aside", _text(topic))
        self.figures.failed += 1
        self._refuse_whole(batch, record, payload, received, topic, backfill, OUR_FAULT)

    def _refuse_whole(
        self,
        batch: Batch,
        record: GatewayRecord,
        payload: bytes,
        received: int,
        topic: str | bytes,
        backfill: bool,  # noqa: FBT001
        rejection: Rejection,
    ) -> None:
        without_boot = self._sequences.through(record.number, None) is not None
        boot, seq = peek_sequence(payload, without_boot=without_boot)
        batch.builder.add(
            gateway=record.number,
            received=received,
            sent=NO_TIME,
            boot=boot,
            seq=seq,
            backfill=backfill,
            readings=NO_READINGS,
        )
        batch.answers.append(Answer(record.id, boot, seq, (rejection,)))
        self.refuse(record.id, record, _text(topic), received, (rejection,), payload)

    def settled(self, batch: Batch) -> None:
        """The batch is durable: from now on `sequences` knows its messages."""
        self._on_the_way.difference_update(batch.builder.numbered())

    def refuse(
        self,
        gateway: str,
        record: GatewayRecord | None,
        topic: str,
        received: int,
        errors: tuple[Rejection, ...],
        payload: bytes,
    ) -> None:
        """Count what was refused and put it into quarantine."""
        for error in errors:
            self.figures.rejected[error.cause] += error.mistakes
        if record is not None:
            record.rejected += sum(error.mistakes for error in errors)
        number = record.number if record is not None else None
        self._quarantine(
            Quarantined(gateway, number, topic, received, errors, payload[:KEPT_BYTES])
        )


def _text(topic: str | bytes) -> str:
    return topic if isinstance(topic, str) else topic.decode("utf-8", "replace")
