"""Who gets in, with what, and what a page token is for."""

from __future__ import annotations

from typing import cast

import httpx

from api.headers import CONTENT_SECURITY_POLICY
from store.registry import Registry
from tests.api.small_house import PASSWORD, House
from tests.api.visits import Visit


def test_a_session_needs_the_page_token_for_changes_and_ends_at_sign_out(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            assert (await olga.get("auth/session")).json()["user"] == {
                "name": "olga",
                "role": "operator",
                "scope": None,
                "locale": "en",
            }
            without = await olga.delete("auth/session", headers={"X-CSRF-Token": "guess"})
            assert without.status_code == 403
            assert (await olga.delete("auth/session")).status_code == 204
            assert (await olga.get("auth/session")).status_code == 401

    visit(act)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with httpx.AsyncClient(base_url=house.base) as client:
            answer = await client.post(
                "/api/v1/auth/session", json={"username": "olga", "password": PASSWORD}
            )
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie

    visit(act)


def test_a_machine_signs_in_by_form_and_needs_no_page_token(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with httpx.AsyncClient(base_url=house.base) as client:
            answer = await client.post(
                "/api/v1/auth/token", data={"username": "admin", "password": PASSWORD}
            )
            assert answer.json()["token_type"] == "bearer"
            assert answer.json()["expires_in"] == 3600
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            body = {"id": "south", "name": "南镇", "kind": "town", "parent": "county"}
            assert (await client.post("/api/v1/regions", json=body)).status_code == 201
            client.headers["Authorization"] = "Bearer nonsense"
            assert (await client.get("/api/v1/regions")).status_code == 401

    visit(act)


def test_a_fault_carries_the_headers_of_every_answer(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            house.registry = cast(Registry, None)  # a fault of ours, as nobody foresaw it
            answer = await olga.get("sites")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["detail"]

    visit(act)


def test_guessing_is_slowed_down_and_names_are_not_given_away(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with httpx.AsyncClient(base_url=house.base, timeout=20) as client:
            wrong = {"username": "olga", "password": "guess"}
            nobody = {"username": "nobody", "password": "guess"}
            known = await client.post("/api/v1/auth/session", json=wrong)
            unknown = await client.post("/api/v1/auth/session", json=nobody)
            assert known.status_code == unknown.status_code == 401
            assert known.json() == unknown.json()
            for _ in range(4):
                await client.post("/api/v1/auth/session", json=wrong)
            right = {"username": "olga", "password": PASSWORD}
            locked = await client.post("/api/v1/auth/session", json=right)
            assert locked.status_code == 429
            assert int(locked.headers["retry-after"]) >= 1

    visit(act)
