"""How far the database lies behind, whatever the fold and the database do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.progress import MARK_US, Progress

SECOND = 1_000_000


def folded(*entries: tuple[int, int, int]) -> Progress:
    """(position, readings, second) of each entry."""
    progress = Progress()
    for position, readings, second in entries:
        progress.note(position, readings, at=second * SECOND)
    return progress


def test_before_anything_was_folded_nothing_lags() -> None:
    progress = Progress()
    assert progress.folded_at is None
    assert progress.lag_readings(0) == 0
    assert progress.lag_s(0, now=5 * SECOND) == 0


def test_what_is_committed_does_not_lag() -> None:
    progress = folded((1, 10, 1), (2, 10, 2))
    assert progress.lag_readings(2) == 0
    assert progress.lag_s(2, now=9 * SECOND) == 0
    assert progress.folded_at == 2 * SECOND


def test_readings_behind_the_committed_entry_lag_and_the_oldest_of_them_says_how_long() -> None:
    progress = folded((1, 10, 1), (2, 20, 2), (3, 30, 3))
    assert progress.lag_readings(1) == 50
    assert progress.lag_s(1, now=10 * SECOND) == 8
    assert progress.lag_readings(2) == 30
    assert progress.lag_s(2, now=10 * SECOND) == 7


def test_without_any_commit_everything_lags() -> None:
    progress = folded((1, 10, 1), (2, 20, 2))
    assert progress.lag_readings(0) == 30
    assert progress.lag_s(0, now=4 * SECOND) == 3


def test_an_outage_of_a_day_costs_a_mark_a_second_and_no_more() -> None:
    progress = Progress()
    for position in range(1, 5001):
        progress.note(position, 1, at=position * MARK_US // 50)
    assert len(progress._marks) <= 101


@given(
    readings=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    commits=st.lists(st.integers(0, 60), max_size=10),
)
def test_the_lag_is_right_to_within_one_mark(readings: list[int], commits: list[int]) -> None:
    progress = Progress()
    step = MARK_US // 3
    for position, count in enumerate(readings, 1):
        progress.note(position, count, at=position * step)
    for committed in sorted(min(c, len(readings)) for c in commits):
        true = sum(readings[committed:])
        slack = sum(readings[max(0, committed - 3) : committed])
        assert true <= progress.lag_readings(committed) <= true + slack
