"""Serves the web interface that the wheel carries in `api/static`.

Everything is read once at the start, so no request ever names a file on disk. Files below
`assets/` carry a hash in their name and may be kept for ever; all others are asked for again.
Addresses without a file are pages of the interface and get `index.html`, unless they end like a file
(`.js`; the number of an alarm has a dot, too). Those of the API and of the probes are none of ours,
so that an unknown one, or a wrong method, is answered as such.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from api.problems import Problem

PACKAGED: Final = Path(__file__).parent / "static"
_COMPRESSIBLE: Final = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_RESERVED: Final = ("/api/", "/healthz/", "/readyz/", "/metrics/")


class PageRoute(APIRoute):
    """Takes every address but those of machines."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if f"{scope['path']}/".startswith(_RESERVED):
            return Match.NONE, {}
        return super().matches(scope)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out."""

    content: bytes
    gzipped: bytes | None
    media_type: str
    etag: str
    for_ever: bool


def load_assets(directory: Path) -> dict[str, Asset]:
    """Every file below a directory by its address without the leading slash."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        path.relative_to(directory).as_posix(): _asset(path, for_ever=path.parent.name == "assets")
        for path in files
    }


def _asset(path: Path, *, for_ever: bool) -> Asset:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix in (".js", ".mjs"):
        media_type = "text/javascript"
    compressible = media_type.startswith(_COMPRESSIBLE) and len(content) > 1024
    return Asset(
        content=content,
        gzipped=gzip.compress(content, 6, mtime=0) if compressible else None,
        media_type=media_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:20]}"',
        for_ever=for_ever,
    )


def static_router(directory: Path) -> APIRouter:
    """The routes; to be included last, since they take every address that is left."""
    assets = load_assets(directory)
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.api_route("/{address:path}", methods=["GET", "HEAD"])
    async def page(address: str, request: Request) -> Response:
        asset = assets.get(address)
        if asset is None and mimetypes.guess_type(address)[0] is None:
            asset = assets.get("index.html")
        if asset is None:
            raise Problem("not_found")
        return _response(asset, request)

    return router


def _response(asset: Asset, request: Request) -> Response:
    headers = {
        "ETag": asset.etag,
        "Cache-Control": "public, max-age=31536000, immutable" if asset.for_ever else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    content = asset.content
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = asset.gzipped
    return Response(content, media_type=asset.media_type, headers=headers)
