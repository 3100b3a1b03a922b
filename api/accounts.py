"""The directory of who may sign in: the store's snapshot, and what was made since.

A session made while the database is away lives here until the process ends or the database has
it; one that was ended here stays ended, whatever an older snapshot says.
"""

from __future__ import annotations

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


class Directory:
    """One per process; `replace` is called with each newer snapshot of the accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._made: dict[str, Session] = {}
        self._unkept: set[str] = set()
        self._extended: dict[str, int] = {}
        self._ended: set[str] = set()

    def replace(self, accounts: Accounts) -> None:
        """Take a newer snapshot; what it has of sessions stands from now on.

        A session made here and not yet in a snapshot stays: the snapshot may have been read
        just before it was kept.
        """
        self._accounts = accounts
        for key in self._made.keys() & accounts.sessions.keys():
            del self._made[key]
            self._unkept.discard(key)
        self._ended &= accounts.sessions.keys()

    def user(self, name: str) -> User | None:
        """An account that may be used."""
        user = self._accounts.users.get(name)
        return None if user is None or user.disabled else user

    def session(self, token_hash: str, *, now: int) -> Session | None:
        """A session that has not ended."""
        if token_hash in self._ended:
            return None
        session = self._made.get(token_hash) or self._accounts.sessions.get(token_hash)
        if session is None:
            return None
        until = max(session.expires_at, self._extended.get(token_hash, 0))
        return session if until > now else None

    def extend(self, session: Session, *, now: int, life_us: int) -> None:
        """Somebody used it: let it live `life_us` from now, noted at most 64 times a life."""
        until = max(session.expires_at, self._extended.get(session.token_hash, 0))
        if now + life_us - until > life_us // 64:
            self._extended[session.token_hash] = now + life_us

    def token(self, token_hash: str, *, now: int) -> Token | None:
        """A machine's token that has not ended."""
        token = self._accounts.tokens.get(token_hash)
        ended = token is not None and token.expires_at is not None and token.expires_at <= now
        return None if ended else token

    def begin(self, session: Session, *, kept: bool) -> None:
        """Let a session in at once. `kept`: the database has it."""
        self._made[session.token_hash] = session
        if not kept:
            self._unkept.add(session.token_hash)

    def end(self, token_hash: str) -> None:
        """Let nobody in with this session any more."""
        self._made.pop(token_hash, None)
        self._unkept.discard(token_hash)
        self._extended.pop(token_hash, None)
        self._ended.add(token_hash)

    async def keep(self, database: Database, *, now: int) -> None:
        """Write to the database what only this process knows of sessions.

        Raises:
            DatabaseUnavailable: the rest is kept for the next time.
        """
        for key in list(self._ended):
            await end_session(database, key)
        for key in list(self._unkept):
            session = self._made[key]
            if session.expires_at > now:
                await add_session(database, session)
            self._unkept.discard(key)
        for key, until in list(self._extended.items()):
            if until <= now:
                del self._extended[key]
            else:
                await extend_session(database, key, expires_at=until)
