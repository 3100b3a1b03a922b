"""What the routes of one process work with, and who asks: the types in their signatures.

`Asking` is any signed-in caller with his scope; `Operating` may act on alarms, `Administering`
may change the registry. A permission thus reads as part of the endpoint.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from api.accounts import Directory
from api.alarm_views import AlarmViews
from api.lockout import Lockout
from api.passwords import PasswordCheck
from api.ports import Live
from api.problems import Problem
from api.recent import Recent
from api.situation import Situations
from api.streams import Streams
from api.tokens import hash_token
from store.accounts import Session, User
from store.audit import Actor
from store.database import Database
from store.registry import Registry
from store.scope import Scope

COOKIE: Final = "vedette_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The parts behind the routes. `clock` gives server time, int64 µs UTC."""

    live: Live
    database: Database
    accounts: Directory
    clock: Callable[[], int]
    zone: ZoneInfo
    session_us: int
    secure_cookie: bool
    passwords: PasswordCheck
    lockout: Lockout
    views: AlarmViews
    situations: Situations
    streams: Streams
    recent: Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question: who asks, what he may see, and the registry as it stands."""

    edge: Edge
    user: User
    session: Session | None
    token_hash: str
    registry: Registry
    scope: Scope

    @property
    def live(self) -> Live:
        return self.edge.live

    @property
    def database(self) -> Database:
        return self.edge.database

    @property
    def actor(self) -> Actor:
        return Actor(self.user.name, self.edge.clock())


def edge_of(request: Request) -> Edge:
    return cast(Edge, request.app.state.edge)


EdgeParts = Annotated[Edge, Depends(edge_of)]


def address_of(request: Request) -> str:
    """Whose failures are counted together: the caller's, as a trusted proxy says."""
    return request.client.host if request.client is not None else ""


def bearer_of(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _not_signed_in() -> Problem:
    return Problem("not_signed_in", headers={"WWW-Authenticate": "Bearer"})


async def asking(request: Request, edge: EdgeParts) -> Ask:
    """Who asks, by token or by session cookie.

    Raises:
        Problem: nobody known (401); a token for telemetry only, or no page token (403).
    """
    now = edge.clock()
    bearer = bearer_of(request)
    secret = bearer if bearer is not None else request.cookies.get(COOKIE)
    if not secret:
        raise _not_signed_in()
    key = hash_token(secret)
    session = edge.accounts.session(key, now=now)
    token = edge.accounts.token(key, now=now) if bearer is not None and session is None else None
    holder = session.user if session is not None else token.user if token is not None else None
    user = None if holder is None else edge.accounts.user(holder)
    if user is None:
        raise _not_signed_in()
    if token is not None and token.gateway is not None:
        raise Problem("not_allowed")
    if bearer is None and session is not None and request.method not in _SAFE:
        _check_csrf(request, session)
    if session is not None:
        edge.accounts.extend(session, now=now, life_us=edge.session_us)
    registry = edge.live.registry
    scope = registry.scope_of(user.scope_kind, user.scope_id)
    return Ask(
        edge=edge, user=user, session=session, token_hash=key, registry=registry, scope=scope
    )


def _check_csrf(request: Request, session: Session) -> None:
    given = request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise Problem("csrf")


Asking = Annotated[Ask, Depends(asking)]


async def operating(ask: Asking) -> Ask:
    if ask.user.role not in ("admin", "operator"):
        raise Problem("not_allowed")
    return ask


async def commenting(ask: Asking) -> Ask:
    if ask.user.role == "viewer":
        raise Problem("not_allowed")
    return ask


async def administering(ask: Asking) -> Ask:
    """The store binds every administrator to the whole tree, so no scope is left to check."""
    if ask.user.role != "admin":
        raise Problem("not_allowed")
    return ask


Operating = Annotated[Ask, Depends(operating)]
Commenting = Annotated[Ask, Depends(commenting)]
Administering = Annotated[Ask, Depends(administering)]
