"""Sites, each with its open alarms and how much of it is heard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from msgspec.structs import asdict
from pydantic import Field
from starlette.responses import Response

from api import assets
from api.answers import Json, Named, Page
from api.bodies import Body, BodyId, Name
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.lists import Cursor, Id, Limit, Listing, RegionId, Text, by_id, matches, places
from api.problems import Problem
from api.situation import Counters, SiteState
from domain.assets import Site

router = APIRouter(prefix="/sites", tags=["registry"])

Latitude = Annotated[float | None, Field(ge=-90, le=90)]
Longitude = Annotated[float | None, Field(ge=-180, le=180)]


class SiteView(Counters, frozen=True, kw_only=True):
    """Position in CGCS2000 degrees."""

    id: str
    name: str
    enterprise: Named
    kind: str
    latitude: float | None
    longitude: float | None


class NewSite(Body):
    id: BodyId
    name: Name
    enterprise: BodyId
    kind: str = "other"
    latitude: Latitude = None
    longitude: Longitude = None


class SitePatch(Body):
    name: Name = ""
    enterprise: BodyId = ""
    kind: str = "other"
    latitude: Latitude = None
    longitude: Longitude = None


@router.get("", **answers(Page[SiteView], 400, 401, 422))
async def sites(
    ask: Listing,
    enterprise: str | None = None,
    region: RegionId = None,
    state: SiteState | None = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Sites, in order of id."""
    at = places(ask, region=region, enterprise=enterprise)
    rows = (
        site
        for site in ask.registry.sites.values()
        if site.id in at
        and matches(text, site.id, site.name)
        and (state is None or site_view(ask, site).state == state)
    )
    return Json(by_id(rows, lambda row: site_view(ask, row), cursor=cursor, limit=limit))


@router.get("/{site_id}", **answers(SiteView, 401, 404))
async def site(ask: Asking, site_id: Id) -> Response:
    """One site."""
    return Json(site_view(ask, _seen(ask, site_id)))


@router.post("", **answers(SiteView, 401, 403, 404, 409, 422, 503, status=201))
async def add_site(ask: Administering, body: NewSite) -> Response:
    """Add a site."""
    return await assets.add(ask, Site(**body.model_dump()), site_view)


@router.patch("/{site_id}", **answers(SiteView, 401, 403, 404, 422, 503))
async def change_site(ask: Administering, site_id: Id, patch: SitePatch) -> Response:
    """Change what is given."""
    return await assets.change(ask, _seen(ask, site_id), patch, site_view)


@router.delete("/{site_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_site(ask: Administering, site_id: Id) -> Response:
    """Remove a site that has no zones and no gateways."""
    return await assets.remove(ask, Site, site_id)


def _seen(ask: Ask, site_id: str) -> Site:
    found = ask.registry.sites.get(site_id)
    if found is None or not ask.registry.sees_site(ask.scope, site_id):
        raise Problem("not_found")
    return found


def site_view(ask: Ask, row: Site) -> SiteView:
    owner = ask.live.registry.enterprises.get(row.enterprise)
    counters = ask.edge.situations.now().counters([row.id])
    return SiteView(
        id=row.id,
        name=row.name,
        enterprise=Named(row.enterprise, "" if owner is None else owner.name),
        kind=row.kind,
        latitude=row.latitude,
        longitude=row.longitude,
        **asdict(counters),
    )
