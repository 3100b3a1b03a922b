"""The OpenAPI document: FastAPI's description of the routes, msgspec's of what they answer.

`python -m api.openapi > openapi.json` writes it without starting anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry

from api.documented import SHAPES, name_of
from api.health import root_router
from api.problems import ProblemDocument
from api.routes import api_router

TITLE = "Vedette 前哨"
VERSION = "1"
DESCRIPTION = """Real-time safety-risk monitoring and early warning: gas, dust, electric power.

Browsers use the session cookie and, for changes, `X-CSRF-Token`; machines send
`Authorization: Bearer TOKEN`. Every answer is limited to the caller's scope; what lies outside is
404. Errors are RFC 9457 problem documents, in Chinese or English by `Accept-Language`. Times are
RFC 3339 UTC. Lists take `limit` and `cursor` and answer `{"items": [...], "next": cursor|null}`.
"""
_REF = "#/components/schemas/{name}"


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """A replacement for `app.openapi`, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return openapi


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
    shapes = {**SHAPES, "ProblemDocument": ProblemDocument}
    references, components = msgspec.json.schema_components(
        list(shapes.values()), ref_template=_REF
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components)
    for name, reference in zip(shapes, references, strict=True):
        schemas.setdefault(name, reference)
        assert name == name_of(shapes[name])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {
        "cookie": {"type": "apiKey", "in": "cookie", "name": "vedette_session"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "basic": {"type": "http", "scheme": "basic"},
    }
    document["security"] = [{"cookie": []}, {"bearer": []}]
    _replace_validation_errors(document)
    return document


def _replace_validation_errors(document: dict[str, Any]) -> None:
    """FastAPI announces its own 422 shape; ours is the problem document."""
    problem = {
        "application/problem+json": {"schema": {"$ref": _REF.format(name="ProblemDocument")}}
    }
    open_paths = ("/healthz", "/readyz", "/metrics", "/api/v1/auth/token")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = {
                    "description": "Some fields cannot be used.",
                    "content": problem,
                }
            if path in open_paths or (path.endswith("/auth/session") and method == "post"):
                operation["security"] = []


def main() -> None:
    app = FastAPI(title=TITLE)
    app.include_router(api_router())
    app.include_router(root_router(CollectorRegistry()))
    text = msgspec.json.format(msgspec.json.encode(describe(app)()), indent=2)
    sys.stdout.buffer.write(text + b"\n")


if __name__ == "__main__":
    main()
