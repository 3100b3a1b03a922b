"""Regions, enterprises, sites and zones are changed alike: kept, made live, shown as they are then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.responses import Response

from api.answers import Json
from api.bodies import Body, patched
from api.edge import Ask
from api.in_force import enforce, enforce_soon
from domain.assets import Enterprise, Region, Site, Zone
from store.assets import Asset, add_asset, remove_asset, update_asset

A = TypeVar("A", Region, Enterprise, Site, Zone)
View = Callable[[Ask, A], msgspec.Struct]


async def add(ask: Ask, row: A, view: View[A]) -> Response:
    """Add a row."""
    await add_asset(ask.database, row, actor=ask.actor)
    await enforce_soon(ask)
    return Json(view(ask, row), status_code=201)


async def change(ask: Ask, kept: A, patch: Body, view: View[A]) -> Response:
    """Change those fields of a row that were given."""
    changed = patched(kept, patch)
    await update_asset(ask.database, changed, actor=ask.actor)
    await enforce(ask)
    return Json(view(ask, changed))


async def remove(ask: Ask, type_: type[Asset], id_: str) -> Response:
    """Remove a row that has nothing below it."""
    await remove_asset(ask.database, type_, id_, actor=ask.actor)
    await enforce(ask)
    return Response(status_code=204)
