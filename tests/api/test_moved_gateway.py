"""What a screen may see changes under it: by a gateway's move, or by its user's new scope."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import msgspec
from httpx_sse import ServerSentEvent

from store.accounts import load_accounts, update_user
from store.audit import Actor
from tests.api.small_house import House, now_us
from tests.api.test_live_stream import events, next_of
from tests.api.visits import Visit


async def watching(
    stack: AsyncExitStack, house: House, name: str
) -> tuple[httpx.AsyncClient, AsyncIterator[ServerSentEvent]]:
    client = await stack.enter_async_context(house.signed_in(name))
    stream = events(client)
    stack.push_async_callback(stream.aclose)  # type: ignore[attr-defined]
    await next_of(stream, "health")
    return client, stream


async def hears_nothing(stream: AsyncIterator[ServerSentEvent]) -> None:
    """Neither reset nor alarm, for as long as two health frames take."""
    for _ in range(2):
        async with asyncio.timeout(5):
            async for event in stream:
                assert event.event not in {"reset", "alarm"}
                if event.event == "health":
                    break


async def moved(house: House, gateway: str, site: str) -> None:
    async with house.signed_in("admin") as admin:
        answer = await admin.patch(f"gateways/{gateway}", json={"site": site})
        assert answer.status_code == 200, answer.text


async def given_scope(house: House, name: str, kind: str, node: str | None) -> None:
    user = house.directory.user(name)
    assert user is not None
    changed = msgspec.structs.replace(user, scope_kind=kind, scope_id=node)
    await update_user(house.database, changed, actor=Actor("test", now_us()))
    house.directory.replace(await load_accounts(house.database, now=now_us()))


async def open_on(screen: httpx.AsyncClient) -> list[str]:
    items = (await screen.get("alarms", params={"state": "open"})).json()["items"]
    return [item["gateway"]["id"] for item in items]


def test_the_old_and_the_new_owner_s_screens_start_over_when_an_alarm_moves(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 61.5)
        async with AsyncExitStack() as stack:
            alice, old = await watching(stack, house, "alice")
            bob, new = await watching(stack, house, "bob")
            _, everything = await watching(stack, house, "olga")
            _, nothing = await watching(stack, house, "charlie")
            assert (await open_on(alice), await open_on(bob)) == (["gw-a"], [])
            await moved(house, "gw-a", "beta-1")
            await next_of(old, "reset")
            await next_of(new, "reset")
            assert (await open_on(alice), await open_on(bob)) == ([], ["gw-a"])
            for stream in (old, new, everything, nothing):  # and once only
                await hears_nothing(stream)

    visit(act)


def test_a_gateway_without_alarm_disturbs_only_the_screen_it_leaves(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with AsyncExitStack() as stack:
            _, old = await watching(stack, house, "bob")
            _, new = await watching(stack, house, "alice")
            await moved(house, "gw-b", "alpha-1")
            await next_of(old, "reset")
            await hears_nothing(new)
            async with house.signed_in("admin") as admin:  # nor does an edit that moves nothing
                await admin.patch("gateways/gw-b", json={"name": "别名"})
            await hears_nothing(old)
            await hears_nothing(new)

    visit(act)


def test_a_user_whose_scope_changes_starts_over(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with AsyncExitStack() as stack:
            _, screen = await watching(stack, house, "bob")
            for kind, node in (("all", None), ("site", "beta-1")):
                await given_scope(house, "bob", kind, node)
                await next_of(screen, "reset")
                await hears_nothing(screen)

    visit(act)


async def first_told(screen: httpx.AsyncClient, *, after: str) -> str:
    """What a screen that comes back with the id it saw last is sent first: alarm or reset."""
    stream = events(screen, after=after)
    try:
        async with asyncio.timeout(5):
            async for event in stream:
                if event.event in {"alarm", "reset"}:
                    return event.event
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("the stream ended")


def test_a_screen_that_was_away_during_a_move_starts_over_when_it_comes_back(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with (
            house.signed_in("alice") as alice,
            house.signed_in("bob") as bob,
            house.signed_in("olga") as olga,
        ):
            await house.reading("gw-a", 61.5)
            await house.reading("gw-b", 61.5)
            items = (await olga.get("alarms", params={"state": "open"})).json()["items"]
            alarms = {item["gateway"]["id"]: item["id"] for item in items}
            for alarm in alarms.values():  # so that each screen has missed something
                await olga.post(f"alarms/{alarm}/acknowledge")
            assert await first_told(alice, after=alarms["gw-a"]) == "alarm"
            assert await first_told(bob, after=alarms["gw-b"]) == "alarm"

            await moved(house, "gw-a", "beta-1")
            assert await first_told(alice, after=alarms["gw-a"]) == "reset"
            assert await first_told(bob, after=alarms["gw-b"]) == "reset"
            assert await first_told(olga, after=alarms["gw-a"]) == "alarm"

            path = f"alarms/{alarms['gw-b']}/comment"
            since = [(await olga.post(path, json={"note": "?"})).json()["updated"] for _ in "12"]
            assert await first_told(bob, after=since[0]) == "alarm"

            await given_scope(house, "bob", "all", None)
            assert await first_told(bob, after=since[0]) == "reset"

    visit(act)
