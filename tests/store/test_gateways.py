"""What belongs to a gateway ends with it, and is not its successor's."""

from __future__ import annotations

import msgspec
import pytest

from store.accounts import Token, User, add_token, add_user, load_accounts
from store.audit import Actor
from store.database import Database
from store.gateways import add_gateway, remove_gateway
from store.quarantine import Quarantined, add_quarantined, list_quarantined
from store.refusals import NotFound
from store.scope import ALL
from tests.store.conftest import Scene
from tests.store.test_registry import ALICE, LATER, T0, county, gateway

ADMIN = User(name="admin", password_hash="$argon2id$1", role="admin")
TOKEN = Token(token_hash="aa", name="box", user="admin", gateway="gw1", created_at=T0)


def test_tokens_of_a_gateway_end_with_it_and_the_others_do_not(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await add_user(database, ADMIN, actor=ALICE)
        other = msgspec.structs.replace(TOKEN, token_hash="bb", name="other", gateway="gw2")
        free = msgspec.structs.replace(TOKEN, token_hash="cc", name="free", gateway=None)
        for token in (TOKEN, other, free):
            await add_token(database, token, actor=ALICE)
        await remove_gateway(database, "gw1", actor=LATER)
        await add_gateway(database, gateway("gw1", "forge-1"), actor=LATER)
        assert set((await load_accounts(database, now=LATER.at)).tokens) == {"bb", "cc"}

    scene(act)


def test_a_token_is_bound_to_a_gateway_that_is_there(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await add_user(database, ADMIN, actor=ALICE)
        with pytest.raises(NotFound, match="gateway"):
            await add_token(database, msgspec.structs.replace(TOKEN, gateway="gw9"), actor=ALICE)
        await remove_gateway(database, "gw1", actor=LATER)
        with pytest.raises(NotFound, match="gateway"):
            await add_token(database, TOKEN, actor=LATER)

    scene(act)


def test_what_was_refused_of_an_id_is_shown_from_its_newest_registration(
    scene: Scene[None],
) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await remove_gateway(database, "gw1", actor=LATER)
        anew = Actor("carol", LATER.at + 1)
        await add_gateway(database, gateway("gw1", "forge-1"), actor=anew)
        refused = [Quarantined(at, "gw1", "t", "", "r", b"") for at in (LATER.at, anew.at)]
        await add_quarantined(database, refused)
        assert await list_quarantined(database, ALL, "gw1", limit=2) == refused[1:]

    scene(act)
