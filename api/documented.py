"""What a route declares it answers, for OpenAPI: msgspec shapes instead of pydantic models.

Routes encode structs themselves; `answers` names the struct so that `api.openapi` can put its
schema, made by msgspec from the very same type, into the document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from api.problem_texts import PROBLEMS

SHAPES: Final[dict[str, Any]] = {}
"""Name of each answered shape -> its type; filled as the route modules are imported."""

EXAMPLES: Final[Mapping[str, Any]] = json.loads(
    resources.files("api").joinpath("examples.json").read_text(encoding="utf-8")
)
"""By name of shape: what a running service answered; a test holds them to their shapes."""

_GENERAL: Final = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "locked_out",
    503: "database_away",
}
_TITLES: Final = {status: PROBLEMS[slug].title_en for status, slug in _GENERAL.items()}


def name_of(shape: Any) -> str:
    """Name of a shape's schema: `Alarm`, `Page_Alarm_`."""
    text = getattr(shape, "__name__", "") if not getattr(shape, "__args__", None) else str(shape)
    if not text:
        text = str(shape)
    if getattr(shape, "__args__", None):
        inner = "_".join(name_of(part) for part in shape.__args__)
        return f"{shape.__origin__.__name__}_{inner}_"
    return text


def example_of(shape: Any) -> Any:
    """An example of a shape, or of a page of it; None where there is none."""
    parts = getattr(shape, "__args__", ())
    if parts:
        item = example_of(parts[0])
        return None if item is None else {"items": [item], "next": None}
    return EXAMPLES.get(name_of(shape))


def answers(shape: Any, *problems: int, status: int = 200) -> dict[str, Any]:
    """Keyword arguments for a route: its answer's schema and the problems it may return."""
    responses: dict[int | str, Mapping[str, Any]] = {}
    if shape is not None:
        SHAPES[name_of(shape)] = shape
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name_of(shape)}"}}
        if (example := example_of(shape)) is not None:
            content["example"] = example
        responses[status] = {
            "description": "As asked.",
            "content": {"application/json": content},
        }
    for code in problems:
        responses[code] = {
            "description": _TITLES[code],
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/ProblemDocument"}
                }
            },
        }
    found: dict[str, Any] = {"responses": responses, "response_model": None}
    if status != 200:
        found["status_code"] = status
    return found
