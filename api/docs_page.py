"""`/api/docs`: the OpenAPI document as one plain page, without scripts or anything from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/api/docs")
async def docs(request: Request) -> Response:
    """The page; the machine-readable document is at /api/openapi.json."""
    return HTMLResponse("".join(_page(request.app.openapi())))


@router.get("/api/openapi.json")
async def openapi(request: Request) -> Response:
    return Response(
        json.dumps(request.app.openapi(), ensure_ascii=False), media_type="application/json"
    )


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{title} API</title>"
    yield "<meta name=viewport content='width=device-width'>"
    yield f"<body style='{_BODY}'><h1>{title} API</h1>"
    yield f"<p style='white-space:pre-line'>{escape(document['info']['description'])}</p>"
    yield "<p><a href='/api/openapi.json'>openapi.json</a></p>"
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                yield from _operation(method, path, operations[method])
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>"
        yield f"{_code(schema)}</details>"
    yield "</body></html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
    yield f"{escape(operation.get('description', ''))}</summary><ul>"
    for parameter in operation.get("parameters", ()):
        needed = " (required)" if parameter.get("required") else ""
        told = escape(parameter.get("description", ""))
        yield f"<li><code>{escape(parameter['name'])}</code> in {parameter['in']}{needed} {told}"
        yield f" <small>{escape(json.dumps(parameter['schema'], ensure_ascii=False))}</small></li>"
    if body := operation.get("requestBody"):
        yield f"<li>body {_links(body)}</li>"
    for status, answer in operation["responses"].items():
        yield f"<li>{escape(str(status))} {escape(answer['description'])} {_links(answer)}</li>"
    yield "</ul></details>"


def _links(holder: dict[str, Any]) -> str:
    parts = []
    for media_type, content in holder.get("content", {}).items():
        reference = content.get("schema", {}).get("$ref", "")
        name = reference.rsplit("/", 1)[-1]
        parts.append(f"{escape(media_type)} <a href='#{escape(name)}'>{escape(name)}</a>")
        if "example" in content:
            parts.append(_code(content["example"]))
    return " ".join(parts)


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return f"<pre>{escape(text)}</pre>"


_BODY = "max-width:60rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif"
