"""Sign-in of people (session cookie and page token) and of machines (bearer token).

Works from the directory in memory: while the database is away a session lives in memory and is
kept when the database is back.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.answers import Json
from api.documented import answers
from api.edge import COOKIE, Asking, Edge, EdgeParts, address_of
from api.problems import Problem
from api.tokens import hash_token, new_token
from store.accounts import Role, Session, User, add_session
from store.database import DatabaseUnavailable, refusals

COOKIE_S: Final = 30 * 86_400
"""The cookie outlives the session on purpose: the session, which use prolongs, decides."""
BUSY_S: Final = 2

router = APIRouter(prefix="/auth", tags=["auth"])


class Credentials(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"username": "duty1", "password": "a long passphrase"}]},
    )
    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024)


class SignedInUser(msgspec.Struct, frozen=True):
    """`scope`: null for everything, else "region:ID", "enterprise:ID" or "site:ID"."""

    name: str
    role: Role
    scope: str | None
    locale: str


class SignedIn(msgspec.Struct, frozen=True):
    """`csrf` goes into X-CSRF-Token with every change."""

    user: SignedInUser
    csrf: str


class AccessToken(msgspec.Struct, frozen=True):
    """`expires_in` in seconds."""

    access_token: str
    token_type: str
    expires_in: int


@router.post("/session", **answers(SignedIn, 401, 422, 429))
async def sign_in(credentials: Credentials, request: Request, edge: EdgeParts) -> Response:
    """Sign in: sets the session cookie and returns the page token."""
    user = await _checked(edge, request, credentials.username, credentials.password)
    secret, session = await _begin(edge, user)
    response = Json(_signed_in(user, session))
    response.set_cookie(
        COOKIE,
        secret,
        max_age=COOKIE_S,
        httponly=True,
        samesite="strict",
        secure=edge.secure_cookie,
        path="/",
    )
    return response


@router.get("/session", **answers(SignedIn, 401))
async def who_am_i(ask: Asking) -> Response:
    """The signed-in user and the page token."""
    return Json(_signed_in(ask.user, ask.session))


@router.delete("/session", status_code=204, **answers(None, 401, 403))
async def sign_out(ask: Asking) -> Response:
    """End the session."""
    if ask.session is not None:
        ask.edge.accounts.end(ask.session)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.post("/token", **answers(AccessToken, 401, 422, 429))
async def token(
    request: Request,
    edge: EdgeParts,
    username: Annotated[str, Form(min_length=1, max_length=64)],
    password: Annotated[str, Form(min_length=1, max_length=1024)],
) -> Response:
    """A bearer token for a machine that signs in with a password."""
    user = await _checked(edge, request, username, password)
    secret, _ = await _begin(edge, user)
    return Json(AccessToken(secret, "bearer", edge.session_us // 1_000_000))


async def _checked(edge: Edge, request: Request, name: str, password: str) -> User:
    """The user whose password this is.

    Raises:
        Problem: it is not (401), it was guessed at too often, or too many wait (429).
    """
    address = address_of(request)
    wait = edge.lockout.wait_s(name=name, address=address)
    if wait:
        raise Problem("locked_out", retry_after=wait, seconds=wait)
    user = edge.accounts.user(name)
    kept = None if user is None else user.password_hash
    if edge.passwords.full:
        raise Problem("sign_in_busy", retry_after=BUSY_S)
    # Counted first: while one guess is checked, others must not pass as if it had not been made.
    tried = edge.lockout.tried(name=name, address=address)
    if not await edge.passwords.verify(kept, password) or user is None:
        raise Problem("wrong_password")
    edge.lockout.succeeded(tried)
    return user


async def _begin(edge: Edge, user: User) -> tuple[str, Session]:
    now = edge.clock()
    secret = new_token()
    session = Session(
        token_hash=hash_token(secret),
        user=user.name,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        expires_at=now + edge.session_us,
    )
    edge.accounts.begin(session, kept=await _kept(edge, session))
    return secret, session


async def _kept(edge: Edge, session: Session) -> bool:
    if not edge.database.available:  # known to be away: nobody waits for it to sign in
        return False
    try:
        with refusals():
            await add_session(edge.database, session)
    except DatabaseUnavailable:
        return False
    return True


def _signed_in(user: User, session: Session | None) -> SignedIn:
    scope = None if user.scope_kind == "all" else f"{user.scope_kind}:{user.scope_id}"
    shown = SignedInUser(user.name, user.role, scope, user.locale)
    return SignedIn(shown, "" if session is None else session.csrf)
