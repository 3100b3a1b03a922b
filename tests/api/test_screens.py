"""A screen that reads too slowly loses pictures of the moment, never an alarm."""

from __future__ import annotations

import asyncio

from api.screens import ALARM_BOUND, BEAT, LATEST_BOUND, Mailbox


def test_alarms_come_before_values_and_health() -> None:
    async def scene() -> bytes:
        mailbox = Mailbox()
        mailbox.put_health(b"h")
        mailbox.put_latest(b"l", full=False)
        await mailbox.put_alarm(b"a")
        return await mailbox.take()

    assert asyncio.run(scene()) == b"alh"


def test_only_the_newest_health_waits() -> None:
    async def scene() -> bytes:
        mailbox = Mailbox()
        mailbox.put_health(b"1")
        mailbox.put_health(b"2")
        return await mailbox.take()

    assert asyncio.run(scene()) == b"2"


def test_values_given_up_ask_for_a_full_frame() -> None:
    async def scene() -> tuple[bool, bytes, bool]:
        mailbox = Mailbox()
        for _ in range(LATEST_BOUND + 1):
            mailbox.put_latest(b"x", full=False)
        gave_up = mailbox.wants_full
        mailbox.put_latest(b"full", full=True)
        return gave_up, await mailbox.take(), mailbox.wants_full

    assert asyncio.run(scene()) == (True, b"full", False)


def test_alarms_wait_for_room_instead_of_being_dropped() -> None:
    async def scene() -> tuple[int, bool, bytes]:
        mailbox = Mailbox()
        for _ in range(ALARM_BOUND):
            await mailbox.put_alarm(b"a")
        late = asyncio.create_task(mailbox.put_alarm(b"b"))
        await asyncio.sleep(0)
        waited = not late.done()
        first = await mailbox.take()
        await late
        return len(first), waited, await mailbox.take()

    assert asyncio.run(scene()) == (ALARM_BOUND, True, b"b")


def test_silence_is_broken_by_a_heartbeat() -> None:
    async def scene() -> bytes:
        return await Mailbox().take()

    assert asyncio.run(scene()) == BEAT
