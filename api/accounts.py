"""The directory of who may sign in: the store's snapshot, and what was made since.

A session made while the database is away lives here until the process ends or the database has
it; one that was ended here stays ended, whatever an older snapshot says. Whatever it is, a
session ends with the password it was made by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.accounts import (
    Accounts,
    Session,
    Token,
    User,
    add_session,
    end_session,
    extend_session,
)
from store.database import Database


@dataclass(slots=True)
class _Made:
    """A session that no snapshot has shown yet. `kept`: the database has it."""

    session: Session
    password_hash: str
    kept: bool


@dataclass(slots=True)
class _Until:
    """A moment a session was extended or ended to. `kept`: the database knows it."""

    at: int
    kept: bool = False


class Directory:
    """One per process; `replace` is called with each newer snapshot of the accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._made: dict[str, _Made] = {}
        self._extended: dict[str, _Until] = {}
        self._ended: dict[str, _Until] = {}

    def replace(self, accounts: Accounts) -> None:
        """Take a newer snapshot; what it has of sessions stands from now on.

        A session made here and not yet in a snapshot stays: the snapshot may have been read
        just before it was kept.
        """
        self._accounts = accounts
        for key in self._made.keys() & accounts.sessions.keys():
            del self._made[key]

    @property
    def users(self) -> Mapping[str, User]:
        """Every account by name, disabled ones included; another object after each change."""
        return self._accounts.users

    def user(self, name: str) -> User | None:
        """An account that may be used."""
        user = self._accounts.users.get(name)
        return None if user is None or user.disabled else user

    def session(self, token_hash: str, *, now: int) -> Session | None:
        """A session that has not ended, of an account that may be used."""
        if token_hash in self._ended:
            return None
        made = self._made.get(token_hash)
        session = self._accounts.sessions.get(token_hash) if made is None else made.session
        user = None if session is None else self.user(session.user)
        if session is None or user is None or self._until(session) <= now:
            return None
        return session if made is None or made.password_hash == user.password_hash else None

    def _until(self, session: Session) -> int:
        extended = self._extended.get(session.token_hash)
        return session.expires_at if extended is None else max(session.expires_at, extended.at)

    def extend(self, session: Session, *, now: int, life_us: int) -> None:
        """Somebody used it: let it live `life_us` from now, noted at most 64 times a life."""
        if now + life_us - self._until(session) > life_us // 64:
            self._extended[session.token_hash] = _Until(now + life_us)

    def token(self, token_hash: str, *, now: int) -> Token | None:
        """A machine's token that has not ended."""
        token = self._accounts.tokens.get(token_hash)
        ended = token is not None and token.expires_at is not None and token.expires_at <= now
        return None if ended else token

    def begin(self, session: Session, *, kept: bool) -> None:
        """Let a session in at once. `kept`: the database has it."""
        user = self.user(session.user)
        if user is not None:
            self._made[session.token_hash] = _Made(session, user.password_hash, kept)

    def end(self, session: Session) -> None:
        """Let nobody in with this session any more."""
        key = session.token_hash
        self._ended[key] = _Until(self._until(session))
        self._made.pop(key, None)
        self._extended.pop(key, None)

    async def keep(self, database: Database, *, now: int) -> None:
        """Write to the database what only this process knows of sessions, and forget old ones.

        Raises:
            DatabaseUnavailable: the rest is kept for the next time.
        """
        self._forget(now)
        for key, ended in list(self._ended.items()):
            if not ended.kept:
                await end_session(database, key)
                ended.kept = True
        for made in list(self._made.values()):
            if not made.kept:
                # It may be there all the same: a connection can break behind a commit.
                await end_session(database, made.session.token_hash)
                await add_session(database, made.session)
                made.kept = True
        for key, extended in list(self._extended.items()):
            if not extended.kept:
                await extend_session(database, key, expires_at=extended.at)
                extended.kept = True

    def _forget(self, now: int) -> None:
        """What has run out lets nobody in, remembered or not."""
        for remembered in (self._extended, self._ended):
            for key in [key for key, until in remembered.items() if until.at <= now]:
                del remembered[key]
        for key in [key for key, made in self._made.items() if self._until(made.session) <= now]:
            del self._made[key]
