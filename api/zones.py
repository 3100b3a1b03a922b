"""Zones: parts of a site whose sensors belong together."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from api.answers import Json, Named, Page
from api.bodies import Body, BodyId, Name, patched
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.in_force import enforce, enforce_soon
from api.lists import (
    Cursor,
    Id,
    Limit,
    Listing,
    RegionId,
    Text,
    enterprises_below,
    listed,
    matches,
)
from api.problems import Problem
from domain.assets import Zone
from store.assets import add_asset, remove_asset, update_asset

router = APIRouter(prefix="/zones", tags=["registry"])


class ZoneView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    site: Named
    kind: str


class NewZone(Body):
    id: BodyId
    name: Name
    site: BodyId
    kind: str = "other"


class ZonePatch(Body):
    name: Name = ""
    kind: str = "other"


@router.get("", **answers(Page[ZoneView], 400, 401, 422))
async def zones(
    ask: Listing,
    site: str | None = None,
    enterprise: str | None = None,
    region: RegionId = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Zones, in order of id."""
    within = enterprises_below(ask.registry, region)
    rows = (
        zone
        for zone in ask.registry.zones.values()
        if ask.registry.sees_site(ask.scope, zone.site)
        and (site is None or zone.site == site)
        and (enterprise is None or ask.registry.sites[zone.site].enterprise == enterprise)
        and (within is None or ask.registry.sites[zone.site].enterprise in within)
        and matches(text, zone.id, zone.name)
    )
    return Json(
        listed(
            rows,
            lambda row: zone_view(ask, row),
            key=lambda row: (row.id,),
            cursor=cursor,
            limit=limit,
        )
    )


@router.get("/{zone_id}", **answers(ZoneView, 401, 404))
async def zone(ask: Asking, zone_id: Id) -> Response:
    """One zone."""
    return Json(zone_view(ask, _seen(ask, zone_id)))


@router.post("", **answers(ZoneView, 401, 403, 404, 409, 422, 503, status=201))
async def add_zone(ask: Administering, body: NewZone) -> Response:
    """Add a zone."""
    added = Zone(**body.model_dump())
    await add_asset(ask.database, added, actor=ask.actor)
    await enforce_soon(ask)
    return Json(zone_view(ask, added), status_code=201)


@router.patch("/{zone_id}", **answers(ZoneView, 401, 403, 404, 422, 503))
async def change_zone(ask: Administering, zone_id: Id, patch: ZonePatch) -> Response:
    """Change what is given."""
    changed = patched(_seen(ask, zone_id), patch)
    await update_asset(ask.database, changed, actor=ask.actor)
    await enforce(ask)
    return Json(zone_view(ask, changed))


@router.delete("/{zone_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_zone(ask: Administering, zone_id: Id) -> Response:
    """Remove a zone that has no sensors."""
    await remove_asset(ask.database, Zone, zone_id, actor=ask.actor)
    await enforce(ask)
    return Response(status_code=204)


def _seen(ask: Ask, zone_id: str) -> Zone:
    found = ask.registry.zones.get(zone_id)
    if found is None or not ask.registry.sees_site(ask.scope, found.site):
        raise Problem("not_found")
    return found


def zone_view(ask: Ask, row: Zone) -> ZoneView:
    site = ask.live.registry.sites.get(row.site)
    return ZoneView(
        id=row.id,
        name=row.name,
        site=Named(row.site, "" if site is None else site.name),
        kind=row.kind,
    )
