"""Alarm events to screens: each once, in order, from exactly where a screen left off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from api.ports import Event
from domain.readings import Position
from service import feed as feed_module
from service.feed import Feed, Key
from tests.store.stretches import alarm, transition


def event(position: int, ordinal: int = 0, *, stored: bool = False) -> Event:
    id_ = f"{position}.{ordinal}"
    return Event(Position(position), ordinal, transition(id_), alarm(id_, 0), stored=stored)


async def no_history(after: Key, before: Key | None) -> list[Event] | None:
    raise AssertionError("the memory reaches far enough")


async def take(stream: AsyncIterator[Event | None], count: int) -> list[Key | None]:
    """Ids of the next events; None for `take a new snapshot`."""
    found: list[Key | None] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            each = await anext(stream)
            found.append(None if each is None else (each.position, each.ordinal))
    return found


async def nothing_more(stream: AsyncIterator[Event | None]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(stream)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_awaited(scene), 20))


async def _awaited(scene: Callable[[], Awaitable[None]]) -> None:
    await scene()


def test_every_screen_gets_every_event_in_order() -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        screens = [feed.subscribe(None) for _ in range(3)]
        feed.publish([event(1), event(1, 1)])
        feed.publish([event(2)])
        for screen in screens:
            assert await take(screen, 3) == [(1, 0), (1, 1), (2, 0)]
            await nothing_more(screen)

    play(scene)


def test_a_place_is_taken_when_asked_for_not_when_first_read() -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        feed.publish([event(1)])
        screen = feed.subscribe(None)
        feed.publish([event(2)])
        assert await take(screen, 1) == [(2, 0)]

    play(scene)


@pytest.mark.parametrize(
    ("after", "expected"),
    [((0, 0), [(1, 0), (1, 1), (2, 0), (3, 0)]), ((1, 0), [(1, 1), (2, 0), (3, 0)]),
     ((2, 0), [(3, 0)])],
)  # fmt: skip
def test_a_screen_resumes_exactly_behind_the_last_it_saw(after: Key, expected: list[Key]) -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        feed.publish([event(1), event(1, 1), event(2)])
        screen = feed.subscribe(after)
        feed.publish([event(3)])
        assert await take(screen, len(expected)) == expected
        await nothing_more(screen)

    play(scene)


def test_what_the_memory_lacks_comes_from_history_and_nothing_comes_twice() -> None:
    asked: list[tuple[Key, Key | None]] = []

    async def history(after: Key, before: Key | None) -> list[Event] | None:
        asked.append((after, before))
        return [event(p, stored=True) for p in range(after[0] + 1, 5)]

    async def scene() -> None:
        feed = Feed(history=history, origin=4)
        feed.publish([event(5), event(6)])
        screen = feed.subscribe((2, 0))
        feed.publish([event(7)])
        assert await take(screen, 5) == [(3, 0), (4, 0), (5, 0), (6, 0), (7, 0)]
        assert asked == [((2, 0), (5, 0))]

    play(scene)


def test_the_oldest_forgotten_event_moves_the_border_to_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "MEMORY", 3)
    asked: list[tuple[Key, Key | None]] = []

    async def history(after: Key, before: Key | None) -> list[Event] | None:
        asked.append((after, before))
        return [event(2, stored=True)]

    async def scene() -> None:
        feed = Feed(history=history, origin=0)
        for position in range(1, 6):
            feed.publish([event(position)])
        assert await take(feed.subscribe((2, 0)), 3) == [(3, 0), (4, 0), (5, 0)]
        assert asked == []
        assert await take(feed.subscribe((1, 0)), 4) == [(2, 0), (3, 0), (4, 0), (5, 0)]
        assert asked == [((1, 0), (3, 0))]

    play(scene)


def test_where_history_cannot_tell_the_screen_is_told_to_start_over() -> None:
    async def lost(after: Key, before: Key | None) -> list[Event] | None:
        return None

    async def scene() -> None:
        feed = Feed(history=lost, origin=10)
        feed.publish([event(11)])
        assert await take(feed.subscribe((2, 0)), 2) == [None, (11, 0)]

    play(scene)


def test_a_screen_whose_place_was_lost_or_never_was_is_told_to_start_over() -> None:
    async def none_older(after: Key, before: Key | None) -> list[Event] | None:
        return []

    async def scene() -> None:
        feed = Feed(history=none_older, origin=10, first=100)
        feed.publish([event(100), event(105)])
        assert await take(feed.subscribe((9, 0)), 2) == [(100, 0), (105, 0)]
        assert await take(feed.subscribe((10, 3)), 2) == [(100, 0), (105, 0)]
        assert await take(feed.subscribe((100, 0)), 1) == [(105, 0)]
        unknown = [feed.subscribe((position, 0)) for position in (11, 99, 106)]
        feed.publish([event(107)])
        for screen in unknown:
            assert await take(screen, 2) == [None, (107, 0)]

    play(scene)


def test_a_screen_that_is_too_slow_starts_over_and_then_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "SUBSCRIBER_BOUND", 4)

    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        slow, fast = feed.subscribe(None), feed.subscribe(None)
        for position in range(1, 4):
            feed.publish([event(position)])
        assert await take(fast, 3) == [(1, 0), (2, 0), (3, 0)]
        for position in range(4, 7):
            feed.publish([event(position)])
        assert await take(slow, 2) == [None, (6, 0)]
        assert await take(fast, 3) == [(4, 0), (5, 0), (6, 0)]
        feed.publish([event(7)])
        assert await take(slow, 1) == [(7, 0)]

    play(scene)


def test_a_screen_that_leaves_is_forgotten() -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        screen = feed.subscribe(None)
        feed.publish([event(1)])
        await take(screen, 1)
        assert feed.clients == 1
        await screen.aclose()  # type: ignore[attr-defined]
        assert feed.clients == 0

    play(scene)


def test_a_part_of_the_process_that_listens_is_no_client() -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        inner, screen = feed.subscribe(None, screen=False), feed.subscribe(None)
        feed.publish([event(1)])
        assert await take(inner, 1) == await take(screen, 1) == [(1, 0)]
        assert feed.clients == 1

    play(scene)


def test_a_screen_that_leaves_before_it_read_is_forgotten_too() -> None:
    async def scene() -> None:
        feed = Feed(history=no_history, origin=0)
        screen = feed.subscribe(None)
        await screen.aclose()  # type: ignore[attr-defined]
        assert feed.clients == 0

    play(scene)
