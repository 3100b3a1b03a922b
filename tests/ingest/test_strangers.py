"""What was answered to gateways that are not registered: remembered within bounds."""

from __future__ import annotations

from ingest import strangers
from ingest.strangers import Strangers


def remembered(*answered: tuple[str | None, int]) -> Strangers:
    known = Strangers()
    for boot, seq in answered:
        known.answered("gw9", boot, seq)
    return known


def test_what_was_answered_is_taken_once_in_parts() -> None:
    known = remembered(("b", 1), ("b", 2), ("b", 3), ("b", 7), (None, 1), ("b", 2))
    assert known.take("gw9", 2) == [(None, 1), ("b", 1)]
    assert known.take("gw9", 100) == [("b", 2), ("b", 3), ("b", 7)]
    assert list(known) == []


def test_of_too_many_the_ones_not_heard_for_longest_are_forgotten() -> None:
    known = Strangers()
    for number in range(strangers.MOST_GATEWAYS + 1):
        known.answered(f"gw{number}", "b", 1)
    assert len(list(known)) == strangers.MOST_GATEWAYS
    assert "gw0" not in list(known)
    scattered = remembered(*(("b", 2 * k) for k in range(1, strangers.MOST_RANGES + 2)))
    assert scattered.take("gw9", 1) == [("b", 4)]
    boots = remembered(*((f"b{k}", 1) for k in range(strangers.MOST_BOOTS + 1)))
    assert ("b0", 1) not in boots.take("gw9", 100)
