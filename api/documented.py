"""What a route declares it answers, for OpenAPI: msgspec shapes instead of pydantic models.

Routes encode structs themselves; `answers` names the struct so that `api.openapi` can put its
schema, made by msgspec from the very same type, into the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.problem_texts import PROBLEMS

SHAPES: Final[dict[str, Any]] = {}
"""Name of each answered shape -> its type; filled as the route modules are imported."""

_TITLES: Final = {status: text.title_en for text in PROBLEMS.values() for status in (text.status,)}


def name_of(shape: Any) -> str:
    """Name of a shape's schema: `Alarm`, `Page_Alarm_`."""
    text = getattr(shape, "__name__", "") if not getattr(shape, "__args__", None) else str(shape)
    if not text:
        text = str(shape)
    if getattr(shape, "__args__", None):
        inner = "_".join(name_of(part) for part in shape.__args__)
        return f"{shape.__origin__.__name__}_{inner}_"
    return text


def answers(shape: Any, *problems: int, status: int = 200, example: Any = None) -> dict[str, Any]:
    """Keyword arguments for a route: its answer's schema and the problems it may return."""
    responses: dict[int | str, Mapping[str, Any]] = {}
    if shape is not None:
        SHAPES[name_of(shape)] = shape
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name_of(shape)}"}}
        if example is not None:
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
