"""Paging and text filter that every list of the registry shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeVar

from fastapi import Path, Query

from api.answers import Page, cursor_key, page_of
from api.problems import Problem
from domain.assets import ID_PATTERN

T = TypeVar("T")
V = TypeVar("V")

Limit = Annotated[int, Query(ge=1, le=5000, description="Most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Text = Annotated[
    str | None, Query(max_length=100, description="Part of the id or name, in any case.")
]
Id = Annotated[str, Path(pattern=f"^{ID_PATTERN.pattern}$")]
ParentId = Annotated[
    str | None, Query(pattern=f"^{ID_PATTERN.pattern}$", description="Only what belongs to it.")
]
GatewayId = Annotated[str, Path(pattern=f"^{ID_PATTERN.pattern}$")]
SensorId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def matches(text: str | None, *fields: str) -> bool:
    """Whether any field holds the text, whatever its case."""
    wanted = (text or "").casefold()
    return not wanted or any(wanted in field.casefold() for field in fields)


def listed(
    rows: Iterable[T],
    view: Callable[[T], V],
    *,
    key: Callable[[T], tuple[str | int, ...]],
    cursor: str | None,
    limit: int,
) -> Page[V]:
    """One page of rows in the order of `key`, as views."""
    ordered: Sequence[T] = sorted(rows, key=key)
    after = None if cursor is None else cursor_key(cursor, tuple[str | int, ...])
    try:
        chosen, following = page_of(ordered, key=key, after=after, limit=limit)
    except TypeError as error:  # a cursor of another list: numbers where this one has text
        raise Problem("invalid_cursor") from error
    return Page([view(row) for row in chosen], following)
