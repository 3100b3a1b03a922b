from __future__ import annotations

import msgspec
import pytest

from store.accounts import (
    Accounts,
    Session,
    Token,
    User,
    add_session,
    add_token,
    add_user,
    end_session,
    extend_session,
    load_accounts,
    revoke_token,
    update_user,
)
from store.audit import Actor, list_audit
from store.database import Database
from store.refusals import Conflict, Invalid, NotFound
from tests.store.conftest import Scene

T0 = 1_790_000_000_000_000
HOUR = 3_600_000_000
ROOT = Actor("root", T0)
ADMIN = User(name="admin", password_hash="$argon2id$1", role="admin")
BOSS = User(
    name="boss", password_hash="$argon2id$2", role="enterprise", scope_kind="enterprise",
    scope_id="mill", locale="en",
)  # fmt: skip
SESSION = Session(token_hash="aa", user="boss", csrf="cc", created_at=T0, expires_at=T0 + HOUR)
TOKEN = Token(token_hash="bb", name="export", user="boss", created_at=T0)


async def signed_in(database: Database) -> Accounts:
    for user in (ADMIN, BOSS):
        await add_user(database, user, actor=ROOT)
    await add_session(database, SESSION)
    await add_token(database, TOKEN, actor=ROOT)
    return await load_accounts(database, now=T0)


def test_the_snapshot_holds_users_sessions_and_tokens_and_goes_to_bytes(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        accounts = await signed_in(database)
        assert accounts.users == {"admin": ADMIN, "boss": BOSS}
        assert accounts.sessions == {"aa": SESSION}
        assert accounts.tokens == {"bb": TOKEN}
        copy = Accounts.from_bytes(accounts.to_bytes())
        assert (copy.users, copy.sessions, copy.tokens) == (
            accounts.users, accounts.sessions, accounts.tokens,
        )  # fmt: skip

    scene(act)


@pytest.mark.parametrize("payload", [b"", b"\x92\x02\xc0"])
def test_bytes_that_are_no_accounts_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="accounts"):
        Accounts.from_bytes(payload)


def test_sessions_end_by_time_and_by_signing_out(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await signed_in(database)
        assert not (await load_accounts(database, now=T0 + HOUR)).sessions
        await extend_session(database, "aa", expires_at=T0 + 2 * HOUR)
        assert (await load_accounts(database, now=T0 + HOUR)).sessions
        await end_session(database, "aa")
        assert not (await load_accounts(database, now=T0)).sessions

    scene(act)


@pytest.mark.parametrize("change", [{"disabled": True}, {"password_hash": "$argon2id$3"}])
def test_a_new_password_or_a_disabled_account_ends_its_sessions(
    scene: Scene[None], change: dict[str, object]
) -> None:
    async def act(database: Database) -> None:
        await signed_in(database)
        changed = msgspec.structs.replace(BOSS, **change)
        await update_user(database, changed, actor=ROOT)
        accounts = await load_accounts(database, now=T0)
        assert accounts.users["boss"] == changed
        assert accounts.sessions == {}

    scene(act)


def test_the_last_administrator_stays(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await signed_in(database)
        with pytest.raises(Conflict, match="administer"):
            await update_user(database, msgspec.structs.replace(ADMIN, disabled=True), actor=ROOT)
        assert not (await load_accounts(database, now=T0)).users["admin"].disabled

    scene(act)


def test_a_revoked_token_is_gone_and_its_name_free(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await signed_in(database)
        again = msgspec.structs.replace(TOKEN, token_hash="dd", expires_at=T0 + HOUR)
        with pytest.raises(Conflict):
            await add_token(database, again, actor=ROOT)
        await revoke_token(database, "boss", "export", actor=ROOT)
        with pytest.raises(NotFound):
            await revoke_token(database, "boss", "export", actor=ROOT)
        await add_token(database, again, actor=ROOT)
        assert list((await load_accounts(database, now=T0)).tokens) == ["dd"]
        assert not (await load_accounts(database, now=T0 + HOUR)).tokens
        with pytest.raises(NotFound):
            await add_token(database, msgspec.structs.replace(again, user="x"), actor=ROOT)

    scene(act)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "no spaces"},
        {"locale": ""},
        {"scope_kind": "all"},
        {"scope_id": None},
        {"scope_kind": "region"},
        {"role": "admin"},
    ],
)
def test_an_account_that_cannot_be_is_refused(
    scene: Scene[None], change: dict[str, object]
) -> None:
    async def act(database: Database) -> None:
        with pytest.raises(Invalid):
            await add_user(database, msgspec.structs.replace(BOSS, **change), actor=ROOT)

    scene(act)


def test_names_are_taken_once_and_hashes_are_not_in_the_audit(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await signed_in(database)
        with pytest.raises(Conflict):
            await add_user(database, BOSS, actor=ROOT)
        with pytest.raises(NotFound):
            await update_user(database, msgspec.structs.replace(BOSS, name="x"), actor=ROOT)
        assert "argon" not in str(await list_audit(database))

    scene(act)
