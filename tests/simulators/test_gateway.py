"""A simulated gateway against a real broker, with a plain client in the service's place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.wire import OutgoingReading, encode_receipt
from simulators.conduct import Conduct
from simulators.gateway import SHORTEST_PAUSE_S, SimulatedGateway, Traffic
from tests.simulators.house import House, now_us, open_house, until

READINGS = (OutgoingReading("g1.lel1", 3.5), OutgoingReading("g1.valve", "open"))


def a_box(
    house: House,
    *,
    gateway: str = "gw-1",
    conduct: Conduct | None = None,
    traffic: Traffic | None = None,
) -> SimulatedGateway:
    return SimulatedGateway(
        gateway,
        broker=house.broker,
        login=house.login(gateway),
        boot="b1",
        clock=now_us,
        conduct=conduct or Conduct(),
        traffic=traffic or Traffic(),
    )


async def ended(box: SimulatedGateway, running: asyncio.Task[None]) -> None:
    box.stop()
    running.cancel()
    await asyncio.wait({running}, timeout=15)
    assert running.done()


@contextlib.asynccontextmanager
async def on_the_line(
    house: House, *, conduct: Conduct | None = None, traffic: Traffic | None = None
) -> AsyncIterator[SimulatedGateway]:
    box = a_box(house, conduct=conduct, traffic=traffic)
    running = asyncio.create_task(box.run(asyncio.Semaphore(1)))
    try:
        yield box
    finally:
        await ended(box, running)


def test_it_says_it_is_online_and_its_last_will_says_when_it_is_gone(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house:
            async with on_the_line(house):
                await until(lambda: house.on("status") == [{"online": True}])
            await until(lambda: house.on("status") == [{"online": True}, {"online": False}])

    asyncio.run(run())


def test_what_it_sends_is_the_contracts_message(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house, on_the_line(house) as box:
            time = now_us()
            box.put(time, READINGS)
            await until(lambda: len(house.on("telemetry")) == 1)
            (message,) = house.on("telemetry")
            assert message["boot"] == "b1"
            assert message["seq"] == 1
            assert message["readings"] == [
                {"s": "g1.lel1", "v": 3.5},
                {"s": "g1.valve", "v": "open"},
            ]
            assert 0 <= message["sent"] - message["ts"] < 10_000

    asyncio.run(run())


def test_it_keeps_a_message_until_the_receipt_covers_it(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house, on_the_line(house) as box:
            for _ in range(3):
                box.put(now_us(), READINGS)
            await until(lambda: house.sequences("gw-1") == [1, 2, 3])
            assert len(box.outbox) == 3
            await house.say("gw-1", "receipt", encode_receipt("b1", 2, now_us()))
            await until(lambda: [message.seq for message in box.outbox] == [3])

    asyncio.run(run())


def test_a_receipt_of_another_boot_is_not_its_own(data_dir: Path) -> None:
    async def run() -> None:
        traffic = Traffic()
        async with (
            open_house(data_dir, ["gw-1"]) as house,
            on_the_line(house, traffic=traffic) as box,
        ):
            box.put(now_us(), READINGS)
            await until(lambda: house.sequences("gw-1") == [1])
            await house.say("gw-1", "receipt", encode_receipt("older", 9, now_us()))
            await house.say("gw-1", "receipt", b"not json")
            await until(lambda: traffic.unreadable == 1)
            assert len(box.outbox) == 1

    asyncio.run(run())


def test_with_its_line_down_it_stores_and_then_forwards_in_order(data_dir: Path) -> None:
    async def run() -> None:
        conduct = Conduct()
        async with (
            open_house(data_dir, ["gw-1"]) as house,
            on_the_line(house, conduct=conduct) as box,
        ):
            box.put(now_us(), READINGS)
            await until(lambda: house.sequences("gw-1") == [1])
            conduct.offline = True
            await until(lambda: {"online": False} in house.on("status"))
            for _ in range(4):
                box.put(now_us(), READINGS)
            conduct.offline = False
            await until(lambda: house.sequences("gw-1") == [1, 1, 2, 3, 4, 5])

    asyncio.run(run())


def test_after_a_restart_of_the_broker_it_sends_again_what_has_no_receipt(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house:
            port = house.broker.port
            box = a_box(house)
            running = asyncio.create_task(box.run(asyncio.Semaphore(1)))
            box.put(now_us(), READINGS)
            await until(lambda: house.sequences("gw-1") == [1])
        box.put(now_us(), READINGS)
        async with open_house(data_dir, ["gw-1"], port=port) as house:
            await until(lambda: house.sequences("gw-1")[-2:] == [1, 2])
            await ended(box, running)

    asyncio.run(run())


def test_old_messages_go_to_backfill(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house, on_the_line(house) as box:
            box.put(now_us() - 16 * 60 * 1_000_000, READINGS)
            box.put(now_us(), READINGS)
            await until(lambda: house.sequences("gw-1") == [2])
            assert [message["seq"] for message in house.on("backfill")] == [1]

    asyncio.run(run())


def test_a_wrong_clock_shows_in_ts_and_sent_alike(data_dir: Path) -> None:
    async def run() -> None:
        wrong = Conduct(clock_offset_us=300 * 1_000_000)
        async with (
            open_house(data_dir, ["gw-1"]) as house,
            on_the_line(house, conduct=wrong) as box,
        ):
            box.put(now_us(), READINGS)
            await until(lambda: len(house.on("telemetry")) == 1)
            (message,) = house.on("telemetry")
            ahead_ms = message["ts"] - now_us() / 1000
            assert 290_000 < ahead_ms < 310_000
            assert abs(message["sent"] - message["ts"]) < 10_000

    asyncio.run(run())


@pytest.mark.parametrize(
    ("conduct", "expected"),
    [
        (Conduct(repeat=1.0), [1, 1, 2, 2, 3, 3]),
        (Conduct(reorder=1.0), [2, 3, 1]),
    ],
)
def test_it_repeats_and_reorders_on_request(
    data_dir: Path, conduct: Conduct, expected: list[int]
) -> None:
    async def run() -> None:
        async with open_house(data_dir, ["gw-1"]) as house:
            box = a_box(house, conduct=conduct)
            for _ in range(3):
                box.put(now_us(), READINGS)
            running = asyncio.create_task(box.run(asyncio.Semaphore(1)))
            await until(lambda: len(house.on("telemetry")) == len(expected))
            assert house.sequences("gw-1") == expected
            await ended(box, running)

    asyncio.run(run())


def test_wrong_credentials_keep_it_out_and_trying(data_dir: Path) -> None:
    async def run() -> None:
        traffic = Traffic()
        async with open_house(data_dir, ["gw-1"]) as house:
            box = a_box(house, gateway="gw-2", traffic=traffic)
            running = asyncio.create_task(box.run(asyncio.Semaphore(1)))
            await until(lambda: traffic.refused > 0)
            await house.server.add_gateway("gw-2", "password-of-gw-2")
            await until(lambda: traffic.connects == 1)
            await ended(box, running)

    asyncio.run(run())


def test_one_that_was_removed_is_known_to_be_locked_out_until_it_is_let_in_again(
    data_dir: Path,
) -> None:
    async def run() -> None:
        traffic = Traffic()
        async with open_house(data_dir, ["gw-1"]) as house:
            box = a_box(house, traffic=traffic)
            running = asyncio.create_task(box.run(asyncio.Semaphore(1)))
            await until(lambda: traffic.connects == 1)
            await house.server.remove_gateway("gw-1")
            await until(lambda: traffic.locked_out == {"gw-1"})
            await house.server.add_gateway("gw-1", "password-of-gw-1")
            box.put(now_us(), READINGS)
            await until(lambda: len(house.on("telemetry")) == 1)
            assert traffic.locked_out == set()
            assert box._pause_s == SHORTEST_PAUSE_S  # whatever happens next finds it impatient
            await ended(box, running)

    asyncio.run(run())
