"""Who may sign in, as this process knows it: the directory of the API, fed from the database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

import structlog
from pydantic import SecretStr

from api.accounts import Directory
from api.passwords import hash_password
from api.tokens import hash_token
from service.standby import Standby, StandbyDamaged
from store.accounts import Accounts, Token, User, add_token, add_user, load_accounts, revoke_token
from store.audit import Actor
from store.database import Database, DatabaseUnavailable, refusals
from store.refusals import NotFound

ADMIN: Final = "admin"
LOCAL_TOKEN: Final = "command-line"  # noqa: S105 - a name
PASSWORD_BYTES: Final = 12

log = structlog.get_logger(__name__)


class Identities:
    """One per process; `directory` is the API's.

    Attributes:
        first_password: of `admin`, when this start made it up; shown once, never logged.
        local_token: for the command line of this machine; None until the database was reached.
    """

    def __init__(self, database: Database, standby: Standby, *, clock: Callable[[], int]) -> None:
        self._database = database
        self._standby = standby
        self._clock = clock
        self.directory = Directory(Accounts.empty())
        self.first_password: str | None = None
        self.local_token: str | None = None

    async def load(self, admin_password: SecretStr | None) -> None:
        """Read the accounts; make `admin` where there is nobody yet, and the local token.

        Raises:
            DatabaseUnavailable: nothing has changed.
        """
        now = self._clock()
        actor = Actor("service", now)
        if not (await load_accounts(self._database, now=now)).users:
            password = self._first_password(admin_password)
            hashed = await asyncio.to_thread(hash_password, password)
            admin = User(name=ADMIN, password_hash=hashed, role="admin")
            await add_user(self._database, admin, actor=actor)
        await self._find_local_token(actor)
        await self.refresh()

    def _first_password(self, given: SecretStr | None) -> str:
        if given is not None:
            return given.get_secret_value()
        self.first_password = secrets.token_urlsafe(PASSWORD_BYTES)
        return self.first_password

    async def _find_local_token(self, actor: Actor) -> None:
        """The kept token, if it still opens the door; else a new one in its place."""
        kept = self._kept_token()
        known = (await load_accounts(self._database, now=actor.at)).tokens
        if kept is not None and hash_token(kept) in known:
            self.local_token = kept
            return
        secret = secrets.token_urlsafe(32)
        token = Token(
            token_hash=hash_token(secret), name=LOCAL_TOKEN, user=ADMIN, created_at=actor.at
        )
        try:
            if any(t.name == LOCAL_TOKEN and t.user == ADMIN for t in known.values()):
                await revoke_token(self._database, ADMIN, LOCAL_TOKEN, actor=actor)
            await add_token(self._database, token, actor=actor)
        except NotFound:
            return  # somebody chose to have no `admin`; the command line then has no token
        self._standby.save_token(secret)
        self.local_token = secret

    async def refresh(self) -> None:
        """Take the accounts over and renew the standby copy."""
        accounts = await load_accounts(self._database, now=self._clock())
        self.directory.replace(accounts)
        await asyncio.to_thread(self._standby.save_accounts, accounts.to_bytes())

    def load_copy(self) -> None:
        """Take the standby copy, where there is one that can be used.

        Raises:
            service.standby.StandbyNewer: a newer version wrote it.
        """
        try:
            data = self._standby.load_accounts()
        except StandbyDamaged as error:
            log.error("standby.damaged", reason=str(error))
            data = None
        if data is not None:
            self.directory.replace(Accounts.from_bytes(data))
        self.local_token = self._kept_token()

    def _kept_token(self) -> str | None:
        try:
            return self._standby.load_token()
        except StandbyDamaged as error:
            log.error("standby.damaged", reason=str(error))
            return None

    async def load_or_copy(self, admin_password: SecretStr | None) -> None:
        """`load`, or the copy while the database is away or refuses."""
        try:
            with refusals():
                await self.load(admin_password)
        except DatabaseUnavailable:
            self.load_copy()
