"""Who may sign in: users, sessions, API tokens; and a snapshot that works without the database.

Hashes are made and compared by `api`; here they are only kept. A session made while the database is
away lives in memory with its maker, who keeps it when the database is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Self

import msgspec

from store.assets import check_id, check_text
from store.audit import Actor, write_audit
from store.database import Database
from store.refusals import Conflict, Invalid, NotFound, refusing
from store.registry import ScopeKind

FORMAT: Final = 1
Role = Literal["admin", "operator", "viewer", "enterprise"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `scope_kind` and `scope_id` name the node of the tree it is bound to."""

    name: str
    password_hash: str
    role: Role
    scope_kind: ScopeKind = "all"
    scope_id: str | None = None
    locale: str = "zh-CN"
    disabled: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser, known by the hash of its cookie. Times int64 µs UTC."""

    token_hash: str
    user: str
    csrf: str
    created_at: int
    expires_at: int


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's token, known by its hash; with `gateway` it is good for its telemetry only."""

    token_hash: str
    name: str
    user: str
    gateway: str | None = None
    created_at: int
    expires_at: int | None = None


class _Rows(msgspec.Struct, frozen=True):
    users: tuple[User, ...] = ()
    sessions: tuple[Session, ...] = ()
    tokens: tuple[Token, ...] = ()


class Accounts:
    """An immutable snapshot.

    Attributes:
        users: by name, disabled ones included.
        sessions: by token hash; check `expires_at`.
        tokens: by token hash, revoked ones left out; check `expires_at`.
    """

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows
        self.users: Mapping[str, User] = {user.name: user for user in rows.users}
        self.sessions: Mapping[str, Session] = {s.token_hash: s for s in rows.sessions}
        self.tokens: Mapping[str, Token] = {token.token_hash: token for token in rows.tokens}

    @classmethod
    def empty(cls) -> Self:
        return cls(_Rows())

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode((FORMAT, self._rows))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Undo `to_bytes`.

        Raises:
            ValueError: not such a copy, or one of another version.
        """
        try:
            version, rows = msgspec.msgpack.decode(payload, type=tuple[int, msgspec.Raw])
            if version != FORMAT:
                raise ValueError(f"accounts copy has format {version}, this version reads {FORMAT}")
            return cls(msgspec.msgpack.decode(rows, type=_Rows))
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a copy of accounts: {error}") from error


async def load_accounts(database: Database, *, now: int) -> Accounts:
    """Users, and the sessions and tokens that have not ended by `now` (int64 µs UTC)."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        users = await connection.fetch(
            "SELECT name, password_hash, role, scope_kind, scope_id, locale, "
            "disabled_at IS NOT NULL AS disabled FROM users ORDER BY name"
        )
        sessions = await connection.fetch(
            'SELECT token_hash, user_name AS "user", csrf, created_at, expires_at FROM sessions '
            "WHERE expires_at > $1 ORDER BY created_at, token_hash",
            now,
        )
        tokens = await connection.fetch(
            'SELECT token_hash, name, user_name AS "user", gateway, created_at, expires_at '
            "FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) "
            "ORDER BY created_at, token_hash",
            now,
        )
    return Accounts(
        _Rows(
            users=tuple(User(**row) for row in users),
            sessions=tuple(Session(**row) for row in sessions),
            tokens=tuple(Token(**row) for row in tokens),
        )
    )


async def add_user(database: Database, user: User, *, actor: Actor) -> None:
    """Add an account.

    Raises:
        Invalid: a name or scope that cannot be.
        Conflict: the name is taken.
    """
    _check(user)
    async with database.transaction() as connection:
        with refusing(f"user {user.name!r} exists already"):
            await connection.execute(
                "INSERT INTO users (name, password_hash, role, scope_kind, scope_id, locale, "
                "created_at, disabled_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN $7::timestamptz END)",
                *_columns(user),
                actor.at,
                user.disabled,
            )
        await write_audit(connection, actor, "add", "user", user.name, _public(user))


async def update_user(database: Database, user: User, *, actor: Actor) -> None:
    """Replace everything of an account but its name; disabling or a new password ends sessions.

    Raises:
        NotFound: there is no such account.
        Invalid: a scope that cannot be.
        Conflict: nobody would be left who may administer.
    """
    _check(user)
    async with database.transaction() as connection:
        before = await connection.fetchrow(
            "SELECT password_hash FROM users WHERE name = $1 FOR UPDATE", user.name
        )
        if before is None:
            raise NotFound("user", user.name)
        await connection.execute(
            "UPDATE users SET password_hash = $2, role = $3, scope_kind = $4, scope_id = $5, "
            "locale = $6, disabled_at = CASE WHEN $8 THEN coalesce(disabled_at, $7) END "
            "WHERE name = $1",
            *_columns(user),
            actor.at,
            user.disabled,
        )
        admins = await connection.fetchval(
            "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL"
        )
        if not admins:
            raise Conflict("nobody would be left who may administer; keep one admin enabled")
        if user.disabled or before["password_hash"] != user.password_hash:
            await connection.execute("DELETE FROM sessions WHERE user_name = $1", user.name)
        await write_audit(connection, actor, "update", "user", user.name, _public(user))


async def add_session(database: Database, session: Session) -> None:
    """Keep a session; ended ones of anybody are cleared away by the way."""
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM sessions WHERE expires_at <= $1", session.created_at)
        await connection.execute(
            "INSERT INTO sessions (token_hash, user_name, csrf, created_at, expires_at) "
            "VALUES ($1, $2, $3, $4, $5)",
            session.token_hash,
            session.user,
            session.csrf,
            session.created_at,
            session.expires_at,
        )


async def extend_session(database: Database, token_hash: str, *, expires_at: int) -> None:
    """Let a session live until `expires_at`; nothing happens to one that is gone."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE sessions SET expires_at = $2 WHERE token_hash = $1", token_hash, expires_at
        )


async def end_session(database: Database, token_hash: str) -> None:
    """Sign out; nothing happens to a session that is gone."""
    async with database.connection() as connection:
        await connection.execute("DELETE FROM sessions WHERE token_hash = $1", token_hash)


async def add_token(database: Database, token: Token, *, actor: Actor) -> None:
    """Keep an API token.

    Raises:
        Conflict: the user has a live token of this name.
        NotFound: there is no such user, or no such gateway.
    """
    check_text("name", token.name, longest=64, required=True)
    async with database.transaction() as connection:
        known = await connection.fetchval("SELECT name FROM users WHERE name = $1", token.user)
        if known is None:
            raise NotFound("user", token.user)
        if token.gateway is not None and not await connection.fetchval(
            "SELECT number FROM gateways WHERE id = $1 AND removed_at IS NULL FOR KEY SHARE",
            token.gateway,
        ):
            raise NotFound("gateway", token.gateway)
        with refusing(f"user {token.user!r} already has a token named {token.name!r}"):
            await connection.execute(
                "INSERT INTO tokens (token_hash, name, user_name, gateway, created_at, "
                "expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
                token.token_hash,
                token.name,
                token.user,
                token.gateway,
                token.created_at,
                token.expires_at,
            )
        await write_audit(connection, actor, "add", "token", f"{token.user}/{token.name}")


async def revoke_token(database: Database, user: str, name: str, *, actor: Actor) -> None:
    """End a token at once.

    Raises:
        NotFound: there is no such live token.
    """
    async with database.transaction() as connection:
        found = await connection.fetchval(
            "UPDATE tokens SET revoked_at = $3 "
            "WHERE user_name = $1 AND name = $2 AND revoked_at IS NULL RETURNING name",
            user,
            name,
            actor.at,
        )
        if found is None:
            raise NotFound("token", f"{user}/{name}")
        await write_audit(connection, actor, "revoke", "token", f"{user}/{name}")


def _check(user: User) -> None:
    check_id("name", user.name)
    check_text("locale", user.locale, longest=16, required=True)
    if (user.scope_kind == "all") != (user.scope_id is None):
        raise Invalid("scope", "give the id of a region, enterprise or site; none for all")
    if user.role == "enterprise" and user.scope_kind not in {"enterprise", "site"}:
        raise Invalid("scope", "an enterprise's account is bound to its enterprise or site")
    if user.role == "admin" and user.scope_kind != "all":
        raise Invalid("scope", "an administrator sees everything")


def _columns(user: User) -> tuple[object, ...]:
    return (
        user.name,
        user.password_hash,
        user.role,
        user.scope_kind,
        user.scope_id,
        user.locale,
    )


def _public(user: User) -> dict[str, object]:
    return {
        "role": user.role,
        "scope_kind": user.scope_kind,
        "scope_id": user.scope_id,
        "disabled": user.disabled,
    }
