"""Times, pages and cursors on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.answers import (
    Json,
    Page,
    cursor_key,
    cursor_text,
    microseconds,
    page_of,
    rfc3339,
)
from api.problems import Problem

YEAR_2200_US = 7_258_118_400_000_000


@given(st.integers(-YEAR_2200_US, YEAR_2200_US))
def test_times_go_to_text_and_back(us: int) -> None:
    text = rfc3339(us)
    assert text.endswith("Z")
    assert microseconds(datetime.fromisoformat(text)) == us


def test_a_time_has_milliseconds_and_more_only_where_there_is_more() -> None:
    assert rfc3339(1_500_000) == "1970-01-01T00:00:01.500Z"
    assert rfc3339(1_500_001) == "1970-01-01T00:00:01.500001Z"
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000


@given(st.lists(st.integers(0, 500), unique=True), st.integers(1, 7))
def test_pages_joined_are_the_list(values: list[int], limit: int) -> None:
    rows = sorted(values)
    seen: list[int] = []
    after: tuple[int, ...] | None = None
    while True:
        chosen, following = page_of(rows, key=lambda row: (row,), after=after, limit=limit)
        seen += chosen
        if following is None:
            break
        after = cursor_key(following, tuple[int])
    assert seen == rows


@pytest.mark.parametrize("cursor", ["", "%%%", "AAAA", cursor_text(("text",)), "ü"])
def test_a_cursor_that_is_none_of_ours_is_a_problem(cursor: str) -> None:
    with pytest.raises(Problem):
        cursor_key(cursor, tuple[int])


def test_what_is_no_number_is_null() -> None:
    body = bytes(Json(Page([float("nan"), 1.0])).body)
    assert msgspec.json.decode(body) == {"items": [None, 1.0], "next": None}
