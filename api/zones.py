"""Zones: parts of a site whose sensors belong together."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from api import assets
from api.answers import Json, Named, Page
from api.bodies import Body, BodyId, Name
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.lists import Cursor, Id, Limit, Listing, RegionId, Text, by_id, matches, places
from api.problems import Problem
from domain.assets import Zone

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
    at = places(ask, region=region, enterprise=enterprise, site=site)
    rows = (
        zone
        for zone in ask.registry.zones.values()
        if zone.site in at and matches(text, zone.id, zone.name)
    )
    return Json(by_id(rows, lambda row: zone_view(ask, row), cursor=cursor, limit=limit))


@router.get("/{zone_id}", **answers(ZoneView, 401, 404))
async def zone(ask: Asking, zone_id: Id) -> Response:
    """One zone."""
    return Json(zone_view(ask, _seen(ask, zone_id)))


@router.post("", **answers(ZoneView, 401, 403, 404, 409, 422, 503, status=201))
async def add_zone(ask: Administering, body: NewZone) -> Response:
    """Add a zone."""
    return await assets.add(ask, Zone(**body.model_dump()), zone_view)


@router.patch("/{zone_id}", **answers(ZoneView, 401, 403, 404, 422, 503))
async def change_zone(ask: Administering, zone_id: Id, patch: ZonePatch) -> Response:
    """Change what is given."""
    return await assets.change(ask, _seen(ask, zone_id), patch, zone_view)


@router.delete("/{zone_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_zone(ask: Administering, zone_id: Id) -> Response:
    """Remove a zone that has no sensors."""
    return await assets.remove(ask, Zone, zone_id)


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
