"""The live stream: first frames, resuming exactly, scope, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.api.small_house import House
from tests.api.visits import Visit


async def events(
    client: httpx.AsyncClient, *, after: str | None = None, latest: str | None = "none"
) -> AsyncIterator[ServerSentEvent]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with aconnect_sse(
        client,
        "GET",
        "stream",
        params={} if latest is None else {"latest": latest},
        headers=headers,
    ) as source:
        async for event in source.aiter_sse():
            yield event


async def next_of(stream: AsyncIterator[ServerSentEvent], kind: str) -> tuple[str, Any]:
    async with asyncio.timeout(5):
        async for event in stream:
            if event.event == kind:
                return event.id, json.loads(event.data)
    raise AssertionError(f"the stream ended before {kind}")


def test_an_alarm_reaches_the_screen_and_a_reconnect_misses_nothing(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            stream = events(olga)
            await next_of(stream, "health")
            await house.reading("gw-a", 61.5)
            first, frame = await next_of(stream, "alarm")
            assert frame["event"] == "raise"
            assert (frame["from"], frame["to"]) == ("normal", "unacknowledged")
            assert frame["alarm"]["updated"] == first
            await stream.aclose()  # type: ignore[attr-defined]

            await house.reading("gw-b", 62.5)
            resumed = events(olga, after=first)
            _, missed = await next_of(resumed, "alarm")
            assert missed["alarm"]["gateway"]["id"] == "gw-b"
            await resumed.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_latest_begins_full_and_goes_on_with_what_changed(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 1.5)
        await house.reading("gw-b", 2.5)
        async with house.signed_in("olga") as olga:
            stream = events(olga, latest="all")
            _, full = await next_of(stream, "latest")
            assert full["full"] is True
            assert [item[2] for item in full["items"]] == [1.5, 2.5]
            await asyncio.sleep(0)
            while True:
                await house.reading("gw-b", 3.5)
                _, frame = await next_of(stream, "latest")
                if not frame["full"]:
                    break
            assert [item[2] for item in frame["items"]] == [3.5]
            await stream.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_who_names_nothing_gets_every_newest_value_and_health_in_full(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 1.5)
        async with house.signed_in("olga") as olga:
            stream = events(olga, latest=None)
            _, full = await next_of(stream, "latest")
            assert full["full"] is True
            assert [item[2] for item in full["items"]] == [1.5]
            await next_of(stream, "health")
            await stream.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_a_screen_sees_its_own_scope_only(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("alice") as alice:
            stream = events(alice, latest="all")
            await next_of(stream, "health")
            await house.reading("gw-b", 62.5)
            await house.reading("gw-a", 61.5)
            _, frame = await next_of(stream, "alarm")
            assert frame["alarm"]["gateway"]["id"] == "gw-a"
            await stream.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_health_counts_the_readings_of_a_screens_own_gateways(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("alice") as alice, house.signed_in("charlie") as charlie:
            own, others = events(alice), events(charlie)
            await next_of(own, "health")
            await next_of(others, "health")
            await house.reading("gw-a", 1.5)
            while not (await next_of(own, "health"))[1]["readings_per_s"]:
                pass
            _, frame = await next_of(others, "health")
            assert (frame["readings_per_s"], frame["gateways_online"]) == (0, 0)
            assert frame["journal"]["lag_readings"] is None
            await own.aclose()  # type: ignore[attr-defined]
            await others.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_an_id_of_nobody_gets_reset(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            stream = events(olga, after="not-an-id")
            await next_of(stream, "reset")
            await stream.aclose()  # type: ignore[attr-defined]

    visit(act)


def test_the_stream_ends_when_the_session_does(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            stream = events(olga)
            await next_of(stream, "health")
            await olga.delete("auth/session")
            async with asyncio.timeout(5):
                async for _ in stream:
                    pass

    visit(act)
