"""`GET /stream`: server-sent events that resume exactly from Last-Event-ID."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api.documented import SHAPES
from api.edge import Ask, Asking
from api.problems import FieldError, Problem
from api.screens import EventStream, Mailbox
from api.streams import PER_USER, RESET, AlarmFrame, Screen, Wanted
from store.scope import Scope

router = APIRouter(tags=["stream"])
SHAPES["AlarmFrame"] = AlarmFrame
MOST_SENSORS: Final = 2_000
_EVENT_ID: Final = re.compile(r"(\d{1,18})\.(\d{1,9})")
_EXAMPLE: Final = (
    'id: 1871237210112.0\nevent: alarm\ndata: {"alarm": {...}, "event": "raise", '
    '"from": "normal", "to": "unacknowledged", "at": "2026-11-22T03:00:00.000Z", '
    '"stored": false}\n\n'
    'event: latest\ndata: {"full": true, "items": [[17, 1782097200000, 3.2, 0]]}\n\n'
    'event: health\ndata: {"now": "2026-11-22T03:00:01.000Z", "readings_per_s": 30.0}\n\n'
)


@router.get(
    "/stream",
    response_class=Response,
    responses={
        200: {
            "description": "Events `alarm` (with id; data: AlarmFrame), `latest`, `health`, `reset`.",
            "content": {"text/event-stream": {"example": _EXAMPLE, "schema": {"type": "string"}}},
        }
    },
)
async def stream(
    ask: Asking,
    latest: Annotated[str, Query(description="all, none, or sensor ids with commas")] = "all",
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Alarm events, newest values and health, live. An id too old to resume from: `reset`."""
    streams = ask.edge.streams
    if streams.closed:
        raise Problem("stopping", retry_after=2)
    if streams.streams_of(ask.user.name) >= PER_USER:
        raise Problem("too_many_streams", count=PER_USER)
    wanted = _wanted(latest)
    after, unknown = _place(last_event_id)
    start_over = unknown or not (after is None or streams.may_go_on(ask.user.name, after))

    def scope() -> Scope | None:
        return _scope_now(ask)

    screen = Screen(ask.user.name, wanted, scope, Mailbox())
    alarms = streams.alarms(scope, None if start_over else after)
    if start_over:
        await screen.mailbox.put_alarm(RESET)
    streams.open(screen)
    return EventStream(screen.mailbox, alarms, on_end=lambda: streams.close(screen))


def _wanted(latest: str) -> Wanted:
    if latest == "all":
        return "all"
    if latest in ("none", ""):
        return "none"
    parts = latest.split(",")
    if len(parts) > MOST_SENSORS or not all(
        p.isascii() and p.isdigit() and len(p) < 10 for p in parts
    ):
        reason = f"give all, none, or at most {MOST_SENSORS} sensor ids with commas"
        raise Problem("invalid", errors=[FieldError("latest", reason)])
    return frozenset(int(part) for part in parts)


def _place(last_event_id: str | None) -> tuple[tuple[int, int] | None, bool]:
    """Where to go on, and whether the id was none of ours."""
    if not last_event_id:
        return None, False
    match = _EVENT_ID.fullmatch(last_event_id)
    if match is None:
        return None, True
    return (int(match[1]), int(match[2])), False


def _scope_now(ask: Ask) -> Scope | None:
    """What the user may see now; None once his account or his session has ended."""
    edge = ask.edge
    user = edge.accounts.user(ask.user.name)
    if user is None:
        return None
    look_up = edge.accounts.token if ask.session is None else edge.accounts.session
    if look_up(ask.token_hash, now=edge.clock()) is None:
        return None
    return edge.live.registry.scope_of(user.scope_kind, user.scope_id)
