"""Regions: the tree county > town or park > village.

One is seen by who sees something in it, or all of what it lies in: the way up to what he watches,
and for a region's own people the way down, but nobody else's part of the county.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fastapi import APIRouter
from starlette.responses import Response

from api import assets
from api.answers import Json, Page
from api.bodies import Body, BodyId, Name
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.lists import Cursor, Id, Limit, Listing, Text, by_id, matches
from api.problems import Problem
from domain.assets import Region, RegionKind

router = APIRouter(prefix="/regions", tags=["registry"])


class NewRegion(Body):
    id: BodyId
    name: Name
    kind: RegionKind
    parent: BodyId | None = None


class RegionPatch(Body):
    name: Name = ""
    kind: RegionKind = "town"
    parent: BodyId | None = None


@router.get("", **answers(Page[Region], 400, 401, 422))
async def regions(
    ask: Listing,
    parent: str | None = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Regions, in order of id."""
    seen = seen_regions(ask)
    rows = (
        region
        for region in ask.registry.regions.values()
        if region.id in seen
        and (parent is None or region.parent == parent)
        and matches(text, region.id, region.name)
    )
    return Json(by_id(rows, lambda row: row, cursor=cursor, limit=limit))


@router.get("/{region_id}", **answers(Region, 401, 404))
async def region(ask: Asking, region_id: Id) -> Response:
    """One region."""
    return Json(_found(ask, region_id))


@router.post("", **answers(Region, 401, 403, 404, 409, 422, 503, status=201))
async def add_region(ask: Administering, body: NewRegion) -> Response:
    """Add a region."""
    return await assets.add(ask, Region(**body.model_dump()), _as_it_is)


@router.patch("/{region_id}", **answers(Region, 401, 403, 404, 422, 503))
async def change_region(ask: Administering, region_id: Id, patch: RegionPatch) -> Response:
    """Change what is given."""
    return await assets.change(ask, _found(ask, region_id), patch, _as_it_is)


@router.delete("/{region_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_region(ask: Administering, region_id: Id) -> Response:
    """Remove a region that has nothing below it."""
    return await assets.remove(ask, Region, region_id)


def _as_it_is(_: Ask, row: Region) -> Region:
    return row


def _found(ask: Ask, region_id: str) -> Region:
    if region_id not in seen_regions(ask):
        raise Problem("not_found")
    return ask.registry.regions[region_id]


def seen_regions(ask: Ask) -> AbstractSet[str]:
    """Ids of the regions the caller may see."""
    registry, user = ask.registry, ask.user
    if ask.scope.everything:
        return registry.regions.keys()
    own = [user.scope_id or ""] if user.scope_kind == "region" else []
    below = [region for region in own if region in registry.regions]
    for region in below:
        below.extend(registry.regions_of(region))
    seen: set[str] = set()
    for region in {
        *below[:1],
        *(e.region for e in registry.enterprises.values() if _sees(ask, e.id)),
    }:
        above = registry.regions.get(region)
        while above is not None and above.id not in seen:
            seen.add(above.id)
            above = registry.regions.get(above.parent or "")
    return seen.union(below)


def _sees(ask: Ask, enterprise: str) -> bool:
    return ask.registry.sees_enterprise(ask.scope, enterprise)
