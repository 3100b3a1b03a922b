"""Who gets in, with what, and for how long, where accounts change behind the service's back."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.passwords import hash_password
from api.tokens import hash_token
from service.clock import now_us
from store.accounts import Token, User, add_token, add_user, update_user
from store.audit import Actor
from store.database import Database
from tests.api.running.service import PASSWORD, Box, House, eventually, sign_in


def test_after_signing_out_the_cookie_opens_nothing(house: House) -> None:
    with house.client("olga", anew=True) as client:
        cookies = dict(client.cookies)
        assert client.delete("/auth/session").status_code == 204
    with house.client() as client:
        client.cookies.update(cookies)
        assert client.get("/sites").status_code == 401
    eventually(lambda: not house.do(_kept(house, cookies)))


async def _kept(house: House, cookies: dict[str, str]) -> bool:
    async with house.parts.database.connection() as connection:
        return bool(
            await connection.fetchval(
                "SELECT count(*) FROM sessions WHERE token_hash = ANY($1::text[])",
                [hash_token(secret) for secret in cookies.values()],
            )
        )


def test_an_api_token_works_within_seconds_of_its_making(house: House) -> None:
    secret = "a-secret-of-a-machine"
    asyncio.run(_add_token(house.dsn, secret, gateway=None))
    bearer = {"Authorization": f"Bearer {secret}"}
    eventually(lambda: httpx.get(f"{house.url}/api/v1/sites", headers=bearer).status_code == 200)


def test_a_token_of_a_gateway_is_good_for_its_telemetry_only(house: House) -> None:
    box, other = house.box("bolt-1"), house.box("bolt-1")
    house.sensor(box, "lel")
    secret = "a-secret-of-one-gateway"
    asyncio.run(_add_token(house.dsn, secret, gateway=box.id))
    bearer = {"Authorization": f"Bearer {secret}"}

    def post(to: Box) -> int:
        return httpx.post(
            f"{house.url}/api/v1/telemetry/{to.id}",
            json={"readings": [{"s": "lel", "v": 1}]},
            headers=bearer,
        ).status_code

    eventually(lambda: post(box) == 200)
    assert post(other) == 401
    assert httpx.get(f"{house.url}/api/v1/sites", headers=bearer).status_code == 403


async def _add_token(dsn: str, secret: str, *, gateway: str | None) -> None:
    token = Token(
        token_hash=hash_token(secret),
        name=f"for {gateway}",
        user="root",
        gateway=gateway,
        created_at=now_us(),
    )
    database = await Database.connect(dsn)
    await add_token(database, token, actor=Actor("test", now_us()))
    await database.close()


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer nonsense"}, {"Cookie": "vedette_session=nonsense"}],
)
def test_strangers_are_told_to_sign_in(house: House, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{house.url}/api/v1/alarms", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_disabled_account_is_out_at_once(house: House) -> None:
    leaver = User(name="leaver", password_hash=hash_password(PASSWORD), role="viewer")
    asyncio.run(_keep_user(house.dsn, leaver, new=True))
    with house.client() as client:
        eventually(lambda: sign_in(client, "leaver").status_code == 200)
        assert client.get("/sites").status_code == 200
        disabled = User(
            name="leaver", password_hash=leaver.password_hash, role="viewer", disabled=True
        )
        asyncio.run(_keep_user(house.dsn, disabled, new=False))
        eventually(lambda: client.get("/sites").status_code == 401)


def test_a_new_password_ends_the_sessions_of_the_old(house: House) -> None:
    changer = User(name="changer", password_hash=hash_password(PASSWORD), role="viewer")
    asyncio.run(_keep_user(house.dsn, changer, new=True))
    with house.client() as client:
        eventually(lambda: sign_in(client, "changer").status_code == 200)
        changed = User(name="changer", password_hash=hash_password("another"), role="viewer")
        asyncio.run(_keep_user(house.dsn, changed, new=False))
        eventually(lambda: client.get("/sites").status_code == 401)


async def _keep_user(dsn: str, user: User, *, new: bool) -> None:
    database = await Database.connect(dsn)
    keep = add_user if new else update_user
    await keep(database, user, actor=Actor("test", now_us()))
    await database.close()
