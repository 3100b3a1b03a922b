"""Re-delivered messages go back in order, and nothing waits for ever or without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sequence import SequenceTracker
from ingest import ordering
from ingest.ordering import Reordering
from tests.domain.test_sequence import columns, tracker_of


def settled(*sequences: int, boot: str | None = "b") -> SequenceTracker:
    return tracker_of(*((1, boot, seq) for seq in sequences))


def take(order: Reordering[int], *sequences: int, boot: str | None = "b") -> list[int]:
    return [item for seq in sequences for item in order.arrange(1, boot, seq, seq, 100)]


def opened(tracker: SequenceTracker, window_s: float = 10.0) -> Reordering[int]:
    order = Reordering[int](tracker, window_s=window_s)
    order.open(0.0)
    return order


def test_newer_messages_wait_for_the_one_that_was_not_acknowledged() -> None:
    order = opened(settled(1, 2, 3))
    assert take(order, 6, 5) == []
    assert take(order, 4) == [4, 5, 6]
    assert order.held_bytes == 0


def test_an_old_gap_is_not_waited_for_again() -> None:
    order = opened(settled(1, 2, 5, 6))
    assert take(order, 7) == [7]


def test_after_the_window_everything_goes_on_in_order() -> None:
    order = opened(settled(1))
    assert take(order, 9, 4, 7) == []
    assert list(order.due(9.9)) == []
    assert list(order.due(10.0)) == [4, 7, 9]
    assert not order.is_open
    assert order.held_bytes == 0


def test_nothing_waits_longer_than_a_window_however_often_the_connection_is_lost() -> None:
    order = opened(settled(1))
    assert take(order, 9, 4) == []
    for second in range(1, 10):
        order.open(second)
        assert list(order.due(second)) == []
    assert list(order.due(11.1)) == [4, 9]
    assert order.is_open
    assert order.held_bytes == 0
    assert take(order, 2) == [2]


def test_each_boot_goes_on_behind_its_own_numbers() -> None:
    order = opened(settled(1, 2, 3))
    order._sequences.apply(columns((1, "c", 1)))
    assert take(order, 4) == [4]
    assert take(order, 2, boot="c") == [2]


def test_what_becomes_durable_elsewhere_is_no_longer_waited_for() -> None:
    tracker = settled(1)
    order = opened(tracker)
    assert take(order, 3) == []
    tracker.apply(columns((1, "b", 2)))
    assert list(order.due(1.0)) == [3]


def test_a_new_boot_begins_at_one() -> None:
    order = opened(settled(1, 2, 3))
    assert take(order, 2, boot="c") == []
    assert take(order, 1, boot="c") == [1, 2]


def test_gateways_do_not_wait_for_each_other() -> None:
    order = opened(settled(1))
    assert take(order, 3) == []
    assert list(order.arrange(2, "b", 1, 10, 100)) == [10]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MOST_HELD_BYTES", 1000)
    order = opened(settled(1))
    assert take(order, *range(3, 14)) == []
    assert list(order.due(0.1)) == list(range(3, 14))
    assert (order.held_bytes, order.gave_up, order.is_open) == (0, 1, False)


def test_a_broker_that_keeps_order_by_itself_needs_no_window() -> None:
    order = opened(settled(1), window_s=0)
    assert not order.is_open


@given(st.permutations(range(1, 30)), st.integers(0, 10))
def test_any_permutation_comes_out_in_order_and_complete(arrival: list[int], already: int) -> None:
    order = opened(settled(*range(1, already + 1)))
    went = take(order, *(seq for seq in arrival if seq > already))
    assert went == list(range(already + 1, 30))


@given(st.lists(st.integers(1, 40), max_size=60))
def test_nothing_is_lost_or_doubled_by_waiting(arrival: list[int]) -> None:
    order = opened(settled())
    went = take(order, *arrival)
    went += order.due(10.0)
    assert sorted(went) == sorted(arrival)
