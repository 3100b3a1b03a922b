"""What is remembered of the newest changes has no holes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from api.ports import Live
from api.recent import Recent
from service import feed as feed_module
from service.feed import Feed
from tests.service.test_feed import event, no_history


class _Feeding:
    """Of the engine, what `Recent` listens to."""

    def __init__(self) -> None:
        self.feed = Feed(history=no_history, origin=0)
        self.events = self.feed.subscribe


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not look():
            await asyncio.sleep(0)


def test_what_was_missed_makes_it_forget_all_rather_than_tell_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "SUBSCRIBER_BOUND", 3)

    async def scene() -> None:
        live = _Feeding()
        recent = Recent(cast(Live, live))
        listening = asyncio.create_task(recent.run())
        await _until(lambda: len(live.feed._subscribers) == 1)
        live.feed.publish([event(1)])
        await _until(lambda: recent.newest("1.0") is not None)
        live.feed.publish([event(n) for n in range(2, 7)])
        await _until(lambda: recent.newest("6.0") is not None)
        assert recent.of("1.0") == []
        assert recent.newest("1.0") is None
        listening.cancel()

    asyncio.run(scene())
