"""Receipts never promise what is missing; re-deliveries are recognised."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.readings import MessageColumns
from domain.sequence import MAX_BOOTS, MAX_RANGES, SequenceTracker

Sent = tuple[int, str | None, int]


def columns(*sent: Sent) -> MessageColumns:
    boots = sorted({boot for _, boot, _ in sent if boot is not None})
    count = len(sent)
    return MessageColumns(
        gateway=np.array([gateway for gateway, _, _ in sent], np.int32),
        received=np.zeros(count, np.int64),
        sent=np.zeros(count, np.int64),
        sequence=np.array([seq for _, _, seq in sent], np.int64),
        boot=np.array([-1 if boot is None else boots.index(boot) for _, boot, _ in sent], np.int32),
        backfill=np.zeros(count, np.bool_),
        boots=tuple(boots),
    )


def tracker_of(*sent: Sent) -> SequenceTracker:
    tracker = SequenceTracker()
    tracker.apply(columns(*sent))
    return tracker


def test_an_unknown_gateway_has_no_receipt_and_no_gaps() -> None:
    tracker = SequenceTracker()
    assert tracker.stored(7) is None
    assert tracker.missing(7) == ()
    assert not tracker.seen(7, "b1", 1)


def test_the_receipt_is_the_last_number_before_the_first_gap() -> None:
    tracker = tracker_of((7, "b1", 1), (7, "b1", 2), (7, "b1", 4), (7, "b1", 8))
    assert tracker.stored(7) == ("b1", 2)
    assert tracker.missing(7) == ((3, 3), (5, 7))


def test_a_filled_gap_moves_the_receipt_past_what_was_waiting_behind_it() -> None:
    tracker = tracker_of((7, "b1", 1), (7, "b1", 3), (7, "b1", 4), (7, "b1", 6))
    tracker.apply(columns((7, "b1", 2)))
    assert tracker.stored(7) == ("b1", 4)
    assert tracker.missing(7) == ((5, 5),)


def test_a_receipt_starts_at_zero_when_the_first_message_heard_is_not_the_first() -> None:
    tracker = tracker_of((7, "b1", 18231))
    assert tracker.stored(7) == ("b1", 0)
    assert tracker.missing(7) == ((1, 18230),)


def test_settled_messages_are_seen_and_others_are_not() -> None:
    tracker = tracker_of((7, "b1", 1), (7, "b1", 2), (7, "b1", 5))
    assert [tracker.seen(7, "b1", seq) for seq in range(1, 7)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]
    assert not tracker.seen(7, "b2", 1)
    assert not tracker.seen(8, "b1", 1)


def test_a_new_boot_starts_from_nothing() -> None:
    tracker = tracker_of((7, "b1", 1), (7, "b1", 2))
    tracker.apply(columns((7, "b2", 1)))
    assert tracker.stored(7) == ("b2", 1)


def test_every_boot_has_a_receipt_of_its_own_whichever_was_heard_first() -> None:
    live = [(7, "b8", seq) for seq in range(2, 500)]
    tracker = tracker_of((7, "b8", 1), (7, "b6", 900), *live)
    assert tracker.through(7, "b8") == 499
    assert tracker.through(7, "b6") == 0
    assert tracker.through(7, "b7") is None
    assert tracker.stored(7) == ("b8", 499)
    assert tracker.boots(7) == ("b8", "b6")


def test_a_boot_of_no_name_in_between_does_not_stay_current() -> None:
    tracker = tracker_of((7, "b7", 100), (7, None, 101), (7, "b7", 102))
    assert tracker.boots(7) == ("b7", None)
    assert tracker.missing(7) == ((1, 99), (101, 101))


def test_what_comes_after_the_highest_number_is_told_for_each_boot() -> None:
    tracker = tracker_of((7, "b1", 1), (7, "b1", 2), (7, "b2", 1), (7, "b2", 5))
    assert [tracker.after(7, boot) for boot in ("b1", "b2", "b3")] == [3, 6, 1]


def test_applying_a_batch_tells_which_boots_it_touched() -> None:
    tracker = SequenceTracker()
    batch = columns((7, "b1", 1), (7, "b2", 1), (8, None, 4), (9, "b1", -1))
    assert tracker.apply(batch) == {(7, "b1"), (7, "b2"), (8, None)}
    assert tracker.apply(columns((9, "b1", -1))) == set()


def test_messages_without_a_boot_are_counted_as_one_of_no_name() -> None:
    tracker = tracker_of((7, None, 1), (7, None, 2))
    assert tracker.stored(7) == (None, 2)
    assert tracker.seen(7, None, 1)


def test_messages_without_a_number_leave_no_trace() -> None:
    tracker = tracker_of((7, "b1", -1), (8, None, -1))
    assert tracker.to_bytes() == SequenceTracker().to_bytes()


def test_a_boot_that_is_still_heard_is_not_forgotten_for_older_ones() -> None:
    tracker = SequenceTracker()
    for k in range(2 * MAX_BOOTS):
        tracker.apply(columns((7, "live", k + 1)))
        tracker.apply(columns((7, f"flushed{k}", 1)))
    assert tracker.through(7, "live") == 2 * MAX_BOOTS


def test_only_the_last_boots_are_remembered() -> None:
    names = [f"b{k}" for k in range(MAX_BOOTS + 1)]
    tracker = SequenceTracker()
    for name in names:
        tracker.apply(columns((7, name, 1)))
    assert [tracker.seen(7, name, 1) for name in names] == [False] + [True] * MAX_BOOTS


def test_of_too_many_ranges_the_lowest_is_forgotten_and_not_taken_as_seen() -> None:
    numbers = range(2, 2 * MAX_RANGES + 4, 2)  # one more than are kept
    tracker = tracker_of(*((7, "b1", seq) for seq in numbers))
    assert tracker.stored(7) == ("b1", 0)
    assert not tracker.seen(7, "b1", numbers[0])
    assert all(tracker.seen(7, "b1", seq) for seq in numbers[1:])
    assert len(tracker.missing(7)) == MAX_RANGES


def test_a_copy_goes_its_own_way() -> None:
    tracker = tracker_of((7, "b1", 1))
    copy = tracker.copy()
    tracker.apply(columns((7, "b1", 2)))
    assert copy.stored(7) == ("b1", 1)
    copy.apply(columns((8, "b1", 1)))
    assert tracker.stored(8) is None


class Model:
    """What the tracker promises, in sets: no ranges, no limits."""

    boots: ClassVar = ("b1", "b2", None)

    def __init__(self) -> None:
        self.settled: dict[tuple[int, str | None], set[int]] = {}
        self.current: dict[int, str | None] = {}

    def settle(self, gateway: int, boot: str | None, seq: int) -> None:
        self.current[gateway] = boot
        self.settled.setdefault((gateway, boot), set()).add(seq)

    def stored(self, gateway: int) -> tuple[str | None, int] | None:
        if gateway not in self.current:
            return None
        boot = self.current[gateway]
        through = 0
        while through + 1 in self.settled[gateway, boot]:
            through += 1
        return boot, through

    def missing(self, gateway: int) -> set[int]:
        if gateway not in self.current:
            return set()
        known = self.settled[gateway, self.current[gateway]]
        return set(range(1, max(known))) - known


messages = st.tuples(st.integers(1, 2), st.sampled_from(Model.boots), st.integers(1, 12))


@given(st.lists(st.lists(messages, min_size=1, max_size=8), max_size=8))
def test_however_batches_are_cut_the_tracker_knows_exactly_what_was_settled(
    cuts: list[list[Sent]],
) -> None:
    tracker, model = SequenceTracker(), Model()
    for cut in cuts:
        tracker.apply(columns(*cut))
        for message in cut:
            model.settle(*message)
    for gateway in (1, 2):
        assert tracker.stored(gateway) == model.stored(gateway)
        gaps = tracker.missing(gateway)
        assert {n for a, b in gaps for n in range(a, b + 1)} == model.missing(gateway)
        for boot in Model.boots:
            known = model.settled.get((gateway, boot), set())
            assert tracker.after(gateway, boot) == max(known, default=0) + 1
            assert {n for n in range(1, 14) if tracker.seen(gateway, boot, n)} == known
    again = SequenceTracker.from_bytes(tracker.to_bytes())
    assert again.to_bytes() == tracker.to_bytes()


def test_the_bytes_of_earlier_checkpoints_are_read() -> None:
    earlier = msgspec.msgpack.encode((1, [(7, [("b1", 2, [(4, 5)]), (None, 0, [(3, 3)])])]))
    tracker = SequenceTracker.from_bytes(earlier)
    assert tracker.through(7, "b1") == 2
    assert tracker.seen(7, "b1", 5)
    assert tracker.stored(7) == (None, 0)
    assert tracker.to_bytes() == earlier


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x92\x01\x01", b"\x92\x01\x91\x92\x01\xa1\xff"]
)
def test_bytes_of_something_else_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="sequences"):
        SequenceTracker.from_bytes(payload)


def test_a_newer_version_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match="version 2"):
        SequenceTracker.from_bytes(msgspec.msgpack.encode((2, [])))
