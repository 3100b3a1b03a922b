"""Errors as RFC 9457 problem documents: the only place that knows which status means what.

Every problem has a slug; its texts in both languages are in `problem_texts`, the Chinese of what
the floors below say of a field, a conflict or a fault in `phrases`. The reader's language comes
from Accept-Language: Chinese where it is preferred, else English.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.languages import Language, preferred
from api.phrases import in_chinese
from api.problem_texts import NOT_SENT_AS_JSON, PROBLEMS, REASONS, UNKNOWN_REFERENCE

log: Final = logging.getLogger(__name__)

_BY_STATUS: Final = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

_RETRY_S: Final = {
    "database_away": 2,
    "database_failed": 2,
    "database_refuses": 30,
    "journal_unavailable": 2,
}
"""Seconds after which asking again makes sense; what people have to mend takes longer."""
_LOGGED: Final = frozenset({"database_failed", "database_refuses"})
"""Of which nobody else hears; who stores says by itself that the database is away."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field: `path` as in `limits.HH.setpoint`."""

    path: str
    reason: str


def _reason(error: FieldError) -> str:
    """Without the path, with which the store begins."""
    return error.reason.removeprefix(f"{error.path}: ")


class ProblemDocument(msgspec.Struct, omit_defaults=True):
    """RFC 9457; `alarm` on a refused act is the alarm with the state that won.

    On a message refused whole `boot`, `seq` and `receipt` say what an accepted one is told.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldError] = ()
    alarm: Any = None
    boot: str | msgspec.UnsetType | None = msgspec.UNSET
    seq: int | msgspec.UnsetType | None = msgspec.UNSET
    receipt: Any = msgspec.UNSET


class Problem(Exception):
    """Raised anywhere in a route; becomes the answer.

    Args:
        slug: a row of `problem_texts.PROBLEMS`.
        errors: fields at fault.
        alarm: the alarm as it stands, JSON-ready (acts only).
        message: `boot`, `seq` and `receipt` of the document (telemetry only).
        retry_after: seconds after which trying again makes sense.
        values: fill the blanks of the detail text.
    """

    def __init__(
        self,
        slug: str,
        *,
        errors: Sequence[FieldError] = (),
        alarm: Any = None,
        message: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(slug)
        self.slug = slug
        self.errors = errors
        self.alarm = alarm
        self.message = message or {}
        self.retry_after = retry_after
        self.headers = headers or {}
        self.values = values

    @property
    def status(self) -> int:
        return PROBLEMS[self.slug].status

    def document(self, language: Language) -> ProblemDocument:
        text = PROBLEMS[self.slug]
        title, detail = text.in_language(language)
        errors, values = self.errors, self.values
        if language == "zh-CN":
            errors = tuple(FieldError(each.path, in_chinese(_reason(each))) for each in errors)
            if "reason" in values:
                values = values | {"reason": in_chinese(str(values["reason"]))}
        return ProblemDocument(
            type=f"urn:vedette:problem:{self.slug}",
            title=title,
            status=text.status,
            detail=detail.format(**values),
            errors=errors,
            alarm=self.alarm,
            **self.message,
        )


def answer(problem: Problem, request: Request) -> Response:
    """The problem as a response in the reader's language."""
    language = preferred(request.headers.get("accept-language"))
    headers = {"Content-Language": language, "Vary": "Accept-Language", **problem.headers}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return Response(
        msgspec.json.encode(problem.document(language)),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=headers,
    )


def field_errors(error: RequestValidationError, language: Language) -> list[FieldError]:
    """Pydantic's findings with our paths, in the reader's language where we have the words."""
    found = []
    for item in error.errors():
        where = [str(part) for part in item["loc"][1:]] or [str(item["loc"][0])]
        if where == ["body"] and isinstance(error.body, bytes):  # FastAPI did not take it for JSON
            found.append(FieldError("body", NOT_SENT_AS_JSON[language]))
            continue
        words = REASONS.get(item["type"]) if language == "zh-CN" else None
        reason = item["msg"] if words is None else words.format(**item.get("ctx", {}))
        found.append(FieldError(".".join(where), reason))
    return found


def _is_of_the_address(request: Request, error: Exception) -> bool:
    """Whether what was not found is what the address names, not something a body points at."""
    return str(getattr(error, "id", "")) in map(str, request.path_params.values())


def install(app: FastAPI, mapping: Mapping[type[Exception], str]) -> None:
    """Answer every exception of the floors below, of FastAPI and of ours with a problem.

    Args:
        mapping: exception type of a floor below -> slug; its text becomes the detail's `reason`.
    """

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(error, request)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if any(item["loc"][0] == "path" for item in error.errors()):
            return answer(Problem("not_found"), request)  # an id that nothing can have
        language = preferred(request.headers.get("accept-language"))
        return answer(Problem("invalid", errors=field_errors(error, language)), request)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _BY_STATUS.get(error.status_code, "bad_request")
        return answer(Problem(slug, headers=error.headers, reason=error.detail), request)

    async def on_mapped(request: Request, error: Exception) -> Response:
        slug = next(slug for kind, slug in mapping.items() if isinstance(error, kind))
        if slug == "not_found" and not _is_of_the_address(request, error):
            kind, id_ = getattr(error, "kind", ""), getattr(error, "id", "")
            language = preferred(request.headers.get("accept-language"))
            wrong = FieldError(str(kind), UNKNOWN_REFERENCE[language].format(id=id_))
            return answer(Problem("invalid", errors=[wrong]), request)
        if slug in _LOGGED:
            log.error("%s %s: %s", request.method, request.url.path, error)
        field = getattr(error, "field", None)
        errors = () if field is None else (FieldError(str(field), str(error)),)
        reason = getattr(error, "reason", str(error)).partition("\n")[0]
        problem = Problem(slug, errors=errors, retry_after=_RETRY_S.get(slug), reason=reason)
        return answer(problem, request)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    for kind in mapping:
        app.add_exception_handler(kind, on_mapped)


class Faults:
    """Answers what nobody foresaw, inside the layer that adds the headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            incident = secrets.token_hex(4)
            log.error("request failed, incident %s", incident, exc_info=error)
            problem = Problem("fault", incident=incident)
            await answer(problem, Request(scope))(scope, receive, send)
