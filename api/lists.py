"""Paging and filters that lists share.

A list refuses a query parameter it does not have: a misspelt filter must not pass for applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Path, Query, Request

from api.answers import Page, cursor_key, page_of
from api.edge import Ask, Asking
from api.languages import preferred
from api.problem_texts import UNKNOWN_PARAMETER
from api.problems import FieldError, Problem
from domain.assets import ID_PATTERN
from store.registry import Registry


class Identified(Protocol):
    """What has an id to be listed by."""

    @property
    def id(self) -> str | int: ...


T = TypeVar("T")
V = TypeVar("V")
Row = TypeVar("Row", bound=Identified)

Limit = Annotated[int, Query(ge=1, le=5000, description="Most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Text = Annotated[
    str | None, Query(max_length=100, description="Part of the id or name, in any case.")
]
Id = Annotated[str, Path(pattern=f"^{ID_PATTERN.pattern}$")]
ParentId = Annotated[
    str | None, Query(pattern=f"^{ID_PATTERN.pattern}$", description="Only what belongs to it.")
]
RegionId = Annotated[str | None, Query(description="It and every region below it.")]
GatewayId = Annotated[str, Path(pattern=f"^{ID_PATTERN.pattern}$")]
SensorId = Annotated[int, Path(ge=1, le=2**31 - 1)]


async def listing(ask: Asking, request: Request) -> Ask:
    """Who asks for a list.

    Raises:
        Problem: by something the list does not know (422).
    """
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        language = preferred(request.headers.get("accept-language"))
        reason = UNKNOWN_PARAMETER[language].format(known=", ".join(known))
        raise Problem("invalid", errors=[FieldError(name, reason) for name in unknown])
    return ask


Listing = Annotated[Ask, Depends(listing)]


def enterprises_below(registry: Registry, region: str | None) -> frozenset[str] | None:
    """Enterprises of a region and all below it; None where no region was asked for."""
    return None if region is None else registry.scope_of("region", region).enterprises


def places(
    ask: Ask, *, region: str | None, enterprise: str | None, site: str | None = None
) -> frozenset[str]:
    """Ids of the sites a caller sees, of those only that lie in all that is not None."""
    registry = ask.registry
    within = enterprises_below(registry, region)
    return frozenset(
        row.id
        for row in registry.sites.values()
        if registry.sees_site(ask.scope, row.id)
        and site in (None, row.id)
        and enterprise in (None, row.enterprise)
        and (within is None or row.enterprise in within)
    )


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


def by_id(
    rows: Iterable[Row], view: Callable[[Row], V], *, cursor: str | None, limit: int
) -> Page[V]:
    """One page of rows in order of id, as views."""
    return listed(rows, view, key=lambda row: (row.id,), cursor=cursor, limit=limit)
