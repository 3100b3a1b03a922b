"""Whoever guesses waits; whoever knows his password does not, wherever he comes from."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx

from api.passwords import AT_ONCE, WAITING
from tests.api.small_house import GATEWAY_PASSWORD, PASSWORD, House
from tests.api.visits import Visit

READING = {"readings": [{"s": "lel", "v": 1}]}


async def sign_in(
    client: httpx.AsyncClient, name: str, password: str, *, caller: str = ""
) -> httpx.Response:
    return await client.post(
        "/api/v1/auth/session",
        json={"username": name, "password": password},
        headers={"X-Forwarded-For": caller} if caller else {},
    )


def browser(house: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=house.base, timeout=30)


def test_one_callers_guesses_do_not_lock_out_the_others_behind_a_proxy(
    visit_behind_a_proxy: Visit,
) -> None:
    async def act(house: House) -> None:
        async with browser(house) as client:
            for n in range(20):
                await sign_in(client, f"name {n}", "guess", caller="203.0.113.5")
            locked = await sign_in(client, "olga", PASSWORD, caller="203.0.113.5")
            assert locked.status_code == 429
            forged = await sign_in(client, "olga", PASSWORD, caller="10.1.1.1, 203.0.113.5")
            assert forged.status_code == 429
            other = await sign_in(client, "olga", PASSWORD, caller="203.0.113.6")
            assert other.status_code == 200

    visit_behind_a_proxy(act)


def test_without_a_trusted_proxy_a_caller_cannot_say_where_he_comes_from(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with browser(house) as client:
            for n in range(5):
                await sign_in(client, "olga", "guess", caller=f"203.0.113.{n}")
            assert (
                await sign_in(client, "olga", PASSWORD, caller="203.0.113.9")
            ).status_code == 429

    visit(act)


def test_many_strangers_behind_an_unnamed_proxy_lock_nobody_else_out(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with browser(house) as client:
            for n in range(25):
                await sign_in(client, f"name {n}", "guess")
            assert (await sign_in(client, "olga", PASSWORD)).status_code == 200

    visit(act)


def test_guesses_made_all_at_once_do_not_pass_the_lockout(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with browser(house) as client:
            tries = [sign_in(client, "olga", f"guess {n}") for n in range(30)]
            seen = Counter(answer.status_code for answer in await asyncio.gather(*tries))
        assert seen[401] + seen[429] == 30
        assert seen[401] <= 6  # five are free, and a slow machine may live through the first wait

    visit(act)


def test_a_flood_of_sign_ins_is_told_to_come_back_instead_of_queueing(visit: Visit) -> None:
    async def act(house: House) -> None:
        most = AT_ONCE + WAITING
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=house.base, timeout=60, limits=limits) as client:
            tries = [sign_in(client, f"name {n}", "guess") for n in range(3 * most)]
            answers = await asyncio.gather(*tries)
            busy = [answer for answer in answers if answer.status_code == 429]
            assert busy
            assert all(a.json()["type"].endswith(":sign_in_busy") for a in busy)
            assert all(int(a.headers["retry-after"]) >= 1 for a in busy)
            assert (await sign_in(client, "olga", PASSWORD)).status_code == 200

    visit(act)


def test_a_gateways_right_password_passes_whatever_failed_before(
    visit_behind_a_proxy: Visit,
) -> None:
    async def act(house: House) -> None:
        async with browser(house) as client:
            headers = {"X-Forwarded-For": "203.0.113.5"}

            async def post(password: str) -> int:
                answer = await client.post(
                    "/api/v1/telemetry/gw-a",
                    json=READING,
                    auth=("gw-a", password),
                    headers=headers,
                )
                return answer.status_code

            for n in range(25):
                await sign_in(client, f"name {n}", "guess", caller="203.0.113.5")
            assert await post(GATEWAY_PASSWORD) == 200
            statuses = [await post("guess") for _ in range(110)]
            assert statuses[0] == 401
            assert statuses[-1] == 429
            assert await post(GATEWAY_PASSWORD) == 200
            olga = await sign_in(client, "olga", PASSWORD, caller="203.0.113.7")
            assert olga.status_code == 200

    visit_behind_a_proxy(act)
