"""One message into the open batch, or into quarantine with an answer to its sender.

A message that cannot be used still gets its row: the journal then remembers that its `seq` was
answered, so the receipt goes past it and stays past it after a crash.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from domain.building import ReadingColumns
from domain.readings import NO_TIME
from domain.sequence import SequenceTracker
from domain.wire import Cause, MalformedMessage, MessageHead, Rejection, decode, peek_sequence
from ingest.batching import Answer, Batch
from ingest.gateways import GatewayRecord, GatewayTags
from ingest.quarantine import KEPT_BYTES, Quarantined

_NO_READINGS: Final = ReadingColumns(array("i"), array("q"), array("d"), b"", array("H"))


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
        self._untimed: set[tuple[int, str | None, int]] = set()
        """Taken, not durable yet, with readings that have no time of their own."""
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

        A message whose `seq` is settled is a copy, or comes from a gateway that counts anew
        without a new `boot`. Readings with their own times are told apart by these, so they are
        taken; readings that have none but the time we received them would be doubled. So would
        they by a second copy while the first is on its way to the journal.
        """
        figures = self.figures
        figures.messages += 1
        record.heard(payload, received)
        try:
            head = decode(payload, gateway.tags, received, batch.builder, gateway.number, backfill)
        except MalformedMessage as fault:
            boot, seq = peek_sequence(payload)
            batch.builder.add(
                gateway=gateway.number,
                received=received,
                sent=NO_TIME,
                boot=boot,
                seq=seq,
                backfill=backfill,
                readings=_NO_READINGS,
            )
            batch.heard.add(gateway.number)
            batch.answers.append(Answer(record.id, boot, seq, (fault.rejection,)))
            self.refuse(record.id, record, _text(topic), received, (fault.rejection,), payload)
            return fault
        batch.heard.add(gateway.number)
        if head.seq is not None and batch.builder.last_lacks_times():
            key = (gateway.number, head.boot, head.seq)
            if key in self._untimed or self._sequences.seen(*key):
                batch.builder.remove_last()
                figures.repeated += 1
                return head
            self._untimed.add(key)
            batch.untimed.append(key)
        record.readings += head.readings_accepted
        figures.readings += head.readings_accepted
        if head.errors:
            batch.answers.append(Answer(record.id, head.boot, head.seq, head.errors))
            self.refuse(record.id, record, _text(topic), received, head.errors, payload)
        return head

    def settled(self, batch: Batch) -> None:
        """The batch is durable: from now on `sequences` knows its messages."""
        self._untimed.difference_update(batch.untimed)

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
            self.figures.rejected[error.cause] += 1
        if record is not None:
            record.rejected += len(errors)
        number = record.number if record is not None else None
        self._quarantine(
            Quarantined(gateway, number, topic, received, errors, payload[:KEPT_BYTES])
        )


def _text(topic: str | bytes) -> str:
    return topic if isinstance(topic, str) else topic.decode("utf-8", "replace")
