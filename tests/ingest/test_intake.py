"""A copy of a message is known as one, and every mistake counts, however few are named."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.readings import Reason
from domain.sequence import SequenceTracker
from domain.wire import Cause, MessageHead
from ingest.batching import Batch
from ingest.gateways import GatewayRecord
from ingest.intake import Intake
from ingest.quarantine import Quarantined
from tests.ingest.scene import GATEWAYS

RECEIVED = 1_772_669_730_000_000


class Desk:
    """An intake, and batches that become durable when the test says so."""

    def __init__(self) -> None:
        self.sequences = SequenceTracker()
        self.quarantined: list[Quarantined] = []
        self.intake = Intake(self.sequences, self.quarantined.append)
        self.record = GatewayRecord("gw1", 1)
        self.batch = Batch(0.0)

    def read(self, content: dict[str, Any]) -> MessageHead:
        head = self.intake.read(
            self.batch,
            GATEWAYS["gw1"],
            self.record,
            msgspec.json.encode(content),
            RECEIVED,
            "telemetry",
            False,
        )
        assert isinstance(head, MessageHead)
        return head

    def timed(self, seq: int, *, ts: int, value: float = 1.0, boot: str | None = None) -> None:
        readings = [{"s": "t1", "v": value}]
        self.read({"ts": ts, "boot": boot, "seq": seq, "readings": readings})

    def reasons(self) -> list[int]:
        return [int(reason) for reason in self.batch.builder.build().reason]

    def settle(self) -> None:
        """The batch is durable; the next one begins."""
        self.sequences.apply(self.batch.builder.build().messages)
        self.intake.settled(self.batch)
        self.batch = Batch(0.0)


def test_a_copy_with_times_of_its_own_is_taken_and_marked_before_and_after_the_disk() -> None:
    desk = Desk()
    desk.timed(1, ts=1000, boot="b")
    desk.timed(2, ts=1000, boot="b", value=2.0)
    desk.timed(1, ts=1000, boot="b")
    assert desk.reasons() == [0, 0, Reason.COPY]
    desk.settle()
    desk.timed(1, ts=1000, boot="b")
    desk.timed(1, ts=1000, boot="another")
    desk.timed(3, ts=2000, boot="b")
    assert desk.reasons() == [Reason.COPY, 0, 0]
    assert desk.intake.figures.repeated == 0


def test_a_copy_in_another_batch_while_the_first_is_on_its_way_is_marked() -> None:
    desk = Desk()
    desk.timed(1, ts=1000)
    first, desk.batch = desk.batch, Batch(0.0)
    desk.timed(1, ts=1000)
    assert desk.reasons() == [Reason.COPY]
    second, desk.batch = desk.batch, first
    desk.settle()
    desk.batch = second
    desk.settle()
    desk.timed(1, ts=1000)
    assert desk.reasons() == [Reason.COPY]


def test_a_gateway_that_counts_anew_without_a_new_boot_loses_no_reading() -> None:
    desk = Desk()
    for seq in (1, 2, 3):
        desk.timed(seq, ts=1000 * seq)
    desk.settle()
    for seq in (1, 2, 3):
        desk.timed(seq, ts=1_000_000 + 1000 * seq)
    batch = desk.batch.builder.build()
    assert (batch.time // 1000).tolist() == [1_001_000, 1_002_000, 1_003_000]
    assert desk.intake.figures.repeated == 0


def test_every_mistake_counts_by_its_cause_however_few_are_named() -> None:
    desk = Desk()
    unknown = {"s": "nobody", "v": 1}
    desk.read({"seq": 1, "readings": [unknown] * 5000 + [{"s": "t1", "v": [1]}]})
    assert desk.intake.figures.rejected == {Cause.UNKNOWN_SENSOR: 5000, Cause.VALUE: 1}
    assert desk.record.rejected == 5001
    [refused] = desk.quarantined
    assert len(refused.errors) <= 100
