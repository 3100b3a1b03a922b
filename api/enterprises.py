"""Enterprises, each with its open alarms and how much of it is heard."""

from __future__ import annotations

from fastapi import APIRouter
from msgspec.structs import asdict
from starlette.responses import Response

from api import assets
from api.answers import Json, Named, Page
from api.bodies import Body, BodyId, Name
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.lists import Cursor, Id, Limit, Listing, RegionId, Text, by_id, enterprises_below, matches
from api.problems import Problem
from api.situation import Counters, SiteState
from domain.assets import Enterprise

router = APIRouter(prefix="/enterprises", tags=["registry"])


class EnterpriseView(Counters, frozen=True, kw_only=True):
    """`region` is where it lies."""

    id: str
    name: str
    region: Named
    industry: str


class NewEnterprise(Body):
    id: BodyId
    name: Name
    region: BodyId
    industry: str = "other"


class EnterprisePatch(Body):
    name: Name = ""
    region: BodyId = ""
    industry: str = "other"


@router.get("", **answers(Page[EnterpriseView], 400, 401, 422))
async def enterprises(
    ask: Listing,
    region: RegionId = None,
    industry: str | None = None,
    state: SiteState | None = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Enterprises, in order of id."""
    within = enterprises_below(ask.registry, region)
    rows = (
        enterprise
        for enterprise in ask.registry.enterprises.values()
        if ask.registry.sees_enterprise(ask.scope, enterprise.id)
        and (within is None or enterprise.id in within)
        and (industry is None or enterprise.industry == industry)
        and matches(text, enterprise.id, enterprise.name)
        and (state is None or enterprise_view(ask, enterprise).state == state)
    )
    return Json(by_id(rows, lambda row: enterprise_view(ask, row), cursor=cursor, limit=limit))


@router.get("/{enterprise_id}", **answers(EnterpriseView, 401, 404))
async def enterprise(ask: Asking, enterprise_id: Id) -> Response:
    """One enterprise."""
    return Json(enterprise_view(ask, _seen(ask, enterprise_id)))


@router.post("", **answers(EnterpriseView, 401, 403, 404, 409, 422, 503, status=201))
async def add_enterprise(ask: Administering, body: NewEnterprise) -> Response:
    """Add an enterprise."""
    return await assets.add(ask, Enterprise(**body.model_dump()), enterprise_view)


@router.patch("/{enterprise_id}", **answers(EnterpriseView, 401, 403, 404, 422, 503))
async def change_enterprise(
    ask: Administering, enterprise_id: Id, patch: EnterprisePatch
) -> Response:
    """Change what is given."""
    return await assets.change(ask, _seen(ask, enterprise_id), patch, enterprise_view)


@router.delete("/{enterprise_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_enterprise(ask: Administering, enterprise_id: Id) -> Response:
    """Remove an enterprise that has no sites."""
    return await assets.remove(ask, Enterprise, enterprise_id)


def _seen(ask: Ask, enterprise_id: str) -> Enterprise:
    found = ask.registry.enterprises.get(enterprise_id)
    if found is None or not ask.registry.sees_enterprise(ask.scope, enterprise_id):
        raise Problem("not_found")
    return found


def enterprise_view(ask: Ask, row: Enterprise) -> EnterpriseView:
    """Counted over those of its sites that the caller may see."""
    registry = ask.live.registry
    region = registry.regions.get(row.region)
    sites = (s for s in registry.sites_of(row.id) if registry.sees_site(ask.scope, s))
    counters = ask.edge.situations.now().counters(sites)
    return EnterpriseView(
        id=row.id,
        name=row.name,
        region=Named(row.region, "" if region is None else region.name),
        industry=row.industry,
        **asdict(counters),
    )
