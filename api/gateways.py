"""Gateways: what they are, what was heard of them, their credentials, what was refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from api.answers import Json, Named, Page, Time, rfc3339, rfc3339_or_none
from api.bodies import Body, BodyId, patched
from api.documented import answers
from api.edge import Administering, Ask, Asking
from api.in_force import enforce, enforce_soon
from api.lists import Cursor, Id, Limit, Listing, RegionId, Text, by_id, matches, places
from api.ports import Credentials, GatewayLive
from api.problems import Problem
from domain.assets import Gateway
from store.database import DatabaseUnavailable, refusals
from store.gateways import add_gateway as store_gateway
from store.gateways import remove_gateway as unstore_gateway
from store.gateways import update_gateway
from store.quarantine import Quarantined, list_quarantined
from store.refusals import NotFound

router = APIRouter(prefix="/gateways", tags=["registry"])
UP = ("telemetry", "backfill", "status", "command/reply")
DOWN = ("receipt", "rejected", "command")


class GatewayRejection(msgspec.Struct, frozen=True):
    """Something of it that could not be used; `payload` truncated."""

    at: Time
    path: str
    reason: str
    topic: str
    payload: str


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway and what was heard of it; `missing`: first and last `seq` of each gap.

    `last_payload` is null in lists. `rejections`: newest first, on the single gateway only; null while the database is away.
    """

    id: str
    number: int
    name: str
    site: Named
    enterprise: Named
    codec: str
    silence_s: float
    online: bool | None
    silent: bool
    last_message_at: Time | None
    last_payload: str | None
    messages: int
    readings: int
    rejected: int
    boot: str | None
    stored_through: int | None
    missing: tuple[tuple[int, int], ...]
    clock_offset_s: float | None
    rejections: list[GatewayRejection] | msgspec.UnsetType | None = msgspec.UNSET


class MqttAccess(msgspec.Struct, frozen=True):
    """Shown once. `topics`: by purpose."""

    username: str
    password: str
    topics: dict[str, str]


class NewGatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """A new gateway and its way in."""

    id: str
    number: int
    name: str
    site: Named
    enterprise: Named
    codec: str
    mqtt: MqttAccess


class NewGateway(Body):
    id: BodyId
    site: BodyId
    name: str = Field(default="", max_length=200)
    codec: str = Field(default="native", max_length=32)
    silence_s: float = Field(default=300.0, ge=1, le=604_800)


class GatewayPatch(Body):
    site: BodyId = ""
    name: str = Field(default="", max_length=200)
    silence_s: float = Field(default=300.0, ge=1, le=604_800)


@router.get("", **answers(Page[GatewayView], 400, 401, 422))
async def gateways(
    ask: Listing,
    site: str | None = None,
    enterprise: str | None = None,
    region: RegionId = None,
    state: Literal["online", "offline", "silent"] | None = None,
    text: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Gateways, in order of id."""
    at = places(ask, region=region, enterprise=enterprise, site=site)
    rows = (
        gateway
        for gateway in ask.registry.gateways.values()
        if gateway.site in at
        and matches(text, gateway.id, gateway.name)
        and (state is None or _is(state, ask.live.gateway(gateway.number)))
    )
    return Json(by_id(rows, lambda row: _brief(ask, row), cursor=cursor, limit=limit))


def _is(state: str, heard: GatewayLive) -> bool:
    if state == "silent":
        return heard.silent
    return (heard.online is True) == (state == "online")


@router.get("/{gateway_id}", **answers(GatewayView, 401, 404))
async def gateway(ask: Asking, gateway_id: Id) -> Response:
    """One gateway, with what was refused of it lately."""
    row = _seen(ask, gateway_id)
    try:
        with refusals():
            refused = await list_quarantined(ask.database, ask.scope, gateway_id)
        rejections = [_rejection(each) for each in refused]
    except DatabaseUnavailable:
        rejections = None
    return Json(msgspec.structs.replace(_view(ask, row), rejections=rejections))


@router.post("", **answers(NewGatewayView, 401, 403, 404, 409, 422, 503, status=201))
async def add_gateway(ask: Administering, body: NewGateway) -> Response:
    """Register a gateway; its MQTT password is in this answer and nowhere else."""
    draft = Gateway(number=0, **body.model_dump())
    added = await store_gateway(ask.database, draft, actor=ask.actor)
    await enforce_soon(ask)
    credentials = await ask.live.add_gateway_credentials(added.id)
    return Json(_new_view(ask, added, credentials), status_code=201)


@router.post("/{gateway_id}/credentials", **answers(NewGatewayView, 401, 403, 404, 503))
async def renew_credentials(ask: Administering, gateway_id: Id) -> Response:
    """Give a gateway a new password; the old one ends at once."""
    row = _seen(ask, gateway_id)
    return Json(_new_view(ask, row, await ask.live.add_gateway_credentials(gateway_id)))


@router.patch("/{gateway_id}", **answers(GatewayView, 401, 403, 404, 422, 503))
async def change_gateway(ask: Administering, gateway_id: Id, patch: GatewayPatch) -> Response:
    """Change what is given."""
    changed = patched(_seen(ask, gateway_id), patch)
    await update_gateway(ask.database, changed, actor=ask.actor)
    await enforce(ask)
    return Json(_view(ask, changed))


@router.delete("/{gateway_id}", status_code=204, **answers(None, 401, 403, 404, 409, 503))
async def remove_gateway(ask: Administering, gateway_id: Id) -> Response:
    """Remove a gateway and end its login."""
    await unstore_gateway(ask.database, gateway_id, actor=ask.actor)
    with suppress(NotFound):  # the hash went with its row; its login is what has to end
        await ask.live.remove_gateway_credentials(gateway_id)
    await enforce(ask)
    return Response(status_code=204)


def _seen(ask: Ask, gateway_id: str) -> Gateway:
    found = ask.registry.gateways.get(gateway_id)
    if found is None or not ask.registry.sees_site(ask.scope, found.site):
        raise Problem("not_found")
    return found


def _places(ask: Ask, row: Gateway) -> tuple[Named, Named]:
    site = ask.live.registry.sites.get(row.site)
    owner = None if site is None else ask.live.registry.enterprises.get(site.enterprise)
    return (
        Named(row.site, "" if site is None else site.name),
        Named("", "") if owner is None else Named(owner.id, owner.name),
    )


def _view(ask: Ask, row: Gateway) -> GatewayView:
    heard = ask.live.gateway(row.number)
    site, enterprise = _places(ask, row)
    return GatewayView(
        id=row.id,
        number=row.number,
        name=row.name or row.id,
        site=site,
        enterprise=enterprise,
        codec=row.codec,
        silence_s=row.silence_s,
        online=heard.online,
        silent=heard.silent,
        last_message_at=rfc3339_or_none(heard.last_message_at),
        last_payload=heard.last_payload,
        messages=heard.messages,
        readings=heard.readings,
        rejected=heard.rejected,
        boot=heard.boot,
        stored_through=heard.stored_through,
        missing=heard.missing,
        clock_offset_s=None if heard.clock_offset_us is None else heard.clock_offset_us / 1e6,
    )


def _brief(ask: Ask, row: Gateway) -> GatewayView:
    """As in a list: without the last message, which may be long."""
    return msgspec.structs.replace(_view(ask, row), last_payload=None)


def _new_view(ask: Ask, row: Gateway, credentials: Credentials) -> NewGatewayView:
    site, enterprise = _places(ask, row)
    topics = {name: f"vedette/v1/{row.id}/{name}" for name in (*UP, *DOWN)}
    return NewGatewayView(
        id=row.id,
        number=row.number,
        name=row.name or row.id,
        site=site,
        enterprise=enterprise,
        codec=row.codec,
        mqtt=MqttAccess(credentials.username, credentials.password, topics),
    )


def _rejection(row: Quarantined) -> GatewayRejection:
    payload = row.payload.decode("utf-8", "replace")
    return GatewayRejection(rfc3339(row.at), row.path, row.reason, row.topic, payload)
