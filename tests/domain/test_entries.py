"""Entries of the journal keep their numbers and their bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.entries import EntryKind, Tick


def test_the_numbers_of_the_kinds_are_fixed_because_journals_outlive_programs() -> None:
    assert {kind.name: kind.value for kind in EntryKind} == {
        "BATCH": 1,
        "TICK": 2,
        "PROGRAM": 3,
        "ACT": 4,
    }


@given(st.integers(0, 2**62), st.booleans())
def test_a_tick_comes_back_from_its_bytes(now: int, listening: bool) -> None:
    tick = Tick(now, listening)
    assert Tick.from_bytes(tick.to_bytes()) == tick
