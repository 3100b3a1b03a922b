from __future__ import annotations

from pathlib import Path

import pytest

from simulators.incidents import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_and_its_numbers_are_documented(kind: str) -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{kind}`")]
    assert len(rows) == 1
    for number, default in KINDS[kind].numbers.items():
        shown = "true" if number == "interlock_works" else f"{default:g}"
        assert f"`{number}` {shown}" in rows[0]


def test_no_kind_is_documented_that_does_not_exist() -> None:
    text = PAGE.read_text("utf-8").partition("| kind | numbers")[2].partition("\n\n")[0]
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert listed == set(KINDS)
