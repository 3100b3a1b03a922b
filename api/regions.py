"""Regions: the tree county > town or park > village. Everybody sees the tree, not its data."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import Json, Page
from api.bodies import Body, BodyId, Name, patched
from api.documented import answers
from api.edge import Administering, Asking
from api.lists import Cursor, Id, Limit, Text, listed, matches
from api.problems import Problem
from domain.assets import Region, RegionKind
from store.assets import add_asset, remove_asset, update_asset

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
    ask: Asking,
    parent: str | None = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Regions, in order of id."""
    rows = (
        region
        for region in ask.registry.regions.values()
        if (parent is None or region.parent == parent) and matches(text, region.id, region.name)
    )
    return Json(listed(rows, lambda r: r, key=lambda r: (r.id,), cursor=cursor, limit=limit))


@router.get("/{region_id}", **answers(Region, 401, 404))
async def region(ask: Asking, region_id: Id) -> Response:
    """One region."""
    return Json(_found(ask.registry.regions.get(region_id)))


@router.post("", **answers(Region, 401, 403, 404, 409, 422, 503, status=201))
async def add_region(ask: Administering, body: NewRegion) -> Response:
    """Add a region."""
    added = Region(**body.model_dump())
    await add_asset(ask.database, added, actor=ask.actor)
    await ask.live.registry_changed()
    return Json(added, status_code=201)


@router.patch("/{region_id}", **answers(Region, 401, 403, 404, 422, 503))
async def change_region(ask: Administering, region_id: Id, patch: RegionPatch) -> Response:
    """Change what is given."""
    changed = patched(_found(ask.registry.regions.get(region_id)), patch)
    await update_asset(ask.database, changed, actor=ask.actor)
    await ask.live.registry_changed()
    return Json(changed)


@router.delete("/{region_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_region(ask: Administering, region_id: Id) -> Response:
    """Remove a region that has nothing below it."""
    await remove_asset(ask.database, Region, region_id, actor=ask.actor)
    await ask.live.registry_changed()
    return Response(status_code=204)


def _found(region: Region | None) -> Region:
    if region is None:
        raise Problem("not_found")
    return region
