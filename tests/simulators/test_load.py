"""The load publisher: what it says was acknowledged is what the broker took."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from domain.wire import BatchBuilder, SensorRef, decode
from simulators.broker import Broker, Login
from simulators.load import Acknowledged, LoadGateway, LoadPlan, LoadReport, publish_load
from simulators.publisher import Refused
from simulators.templates import Templates
from tests.simulators.house import House, now_us, open_house, until

NAMES = ("gw-1", "gw-2", "gw-3")


def gateways(house: House, *, tags: int = 40) -> tuple[LoadGateway, ...]:
    points = tuple(f"p{k:03}" for k in range(tags))
    return tuple(LoadGateway(gateway=name, login=house.login(name), tags=points) for name in NAMES)


def heard_readings(house: House) -> Counter[tuple[str, str, int]]:
    return Counter(
        (gateway, reading["s"], message["ts"])
        for gateway, leaf, message in house.heard
        if leaf == "telemetry"
        for reading in message["readings"]
    )


@pytest.mark.parametrize("per_message", [1, 7, 20])
def test_what_was_acknowledged_is_what_was_heard(data_dir: Path, per_message: int) -> None:
    async def run() -> None:
        async with open_house(data_dir, NAMES) as house:
            plan = LoadPlan(
                gateways=gateways(house),
                seconds=1.5,
                rate=600,
                readings_per_message=per_message,
            )
            report = await publish_load(plan, broker=house.broker, clock=now_us)
            await until(lambda: len(house.on("telemetry")) == report.published)
            assert report.unacknowledged == 0
            assert 0 < report.published <= 900
            acknowledged = list(report.acknowledged.readings(plan))
            assert len(acknowledged) == report.readings
            assert Counter(acknowledged) == heard_readings(house)
            assert max(Counter(acknowledged).values()) == 1, "each reading has its own identity"
            for name in NAMES:
                heard = house.sequences(name)
                assert heard == list(range(1, len(heard) + 1))

    asyncio.run(run())


def test_unthrottled_it_is_bounded_by_the_window(data_dir: Path) -> None:
    """To a broker where nobody listens: this is about the publisher."""

    async def run() -> LoadReport:
        async with open_house(data_dir, NAMES) as house:
            await house.client.unsubscribe("vedette/v1/+/telemetry")
            plan = LoadPlan(gateways=gateways(house), seconds=2, in_flight=1000)
            return await publish_load(plan, broker=house.broker, clock=now_us)

    report = asyncio.run(run())
    assert report.unacknowledged == 0
    assert len(report.acknowledged) == report.published


def test_after_a_lost_broker_it_sends_again_and_nothing_acknowledged_is_missing(
    data_dir: Path,
) -> None:
    async def run() -> None:
        async with open_house(data_dir, NAMES) as house:
            port = house.broker.port
            plan = LoadPlan(gateways=gateways(house), seconds=6, rate=500, drain_s=20)
            publishing = asyncio.create_task(publish_load(plan, broker=house.broker, clock=now_us))
            await until(lambda: len(house.on("telemetry")) > 300)
        before = heard_readings(house)
        async with open_house(data_dir, NAMES, port=port) as house:
            report = await publishing
            assert report.reconnects >= 3
            assert report.unacknowledged == 0
            missing = set(report.acknowledged.readings(plan)) - set(before)
            await until(lambda: missing <= set(heard_readings(house)))

    asyncio.run(run())


def test_it_can_be_stopped_early(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, NAMES) as house:
            stop = asyncio.Event()
            plan = LoadPlan(gateways=gateways(house), seconds=60, rate=100)
            publishing = asyncio.create_task(
                publish_load(plan, broker=house.broker, clock=now_us, stop=stop)
            )
            await until(lambda: len(house.on("telemetry")) > 10)
            stop.set()
            report = await asyncio.wait_for(publishing, 5)
            assert report.unacknowledged == 0

    asyncio.run(run())


def test_a_consumer_can_set_the_pace(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, NAMES) as house:
            plan = LoadPlan(gateways=gateways(house), seconds=1)
            report = await publish_load(plan, broker=house.broker, clock=now_us, budget=lambda: 123)
            assert report.published == len(report.acknowledged) == 123

    asyncio.run(run())


def test_a_refused_login_is_said(data_dir: Path) -> None:
    async def run() -> None:
        async with open_house(data_dir, NAMES) as house:
            stranger = LoadGateway(gateway="gw-1", login=Login("gw-1", "wrong"), tags=("t",))
            plan = LoadPlan(gateways=(stranger,), seconds=1)
            with pytest.raises(Refused, match="refused gw-1"):
                await publish_load(plan, broker=house.broker, clock=now_us)

    asyncio.run(run())


def test_no_broker_is_an_error_at_the_start() -> None:
    one = LoadGateway(gateway="gw-1", login=Login("gw-1", "x"), tags=("t",))
    plan = LoadPlan(gateways=(one,), seconds=1)
    with pytest.raises(OSError, match="127"):
        asyncio.run(publish_load(plan, broker=Broker("127.0.0.1", 9), clock=now_us))


@pytest.mark.parametrize("in_flight", [0, 30_001])
def test_a_window_that_cannot_be_is_refused(in_flight: int) -> None:
    one = LoadGateway(gateway="gw-1", login=Login("gw-1", "x"), tags=("t",))
    with pytest.raises(ValueError, match="in_flight must be 1 to 30000"):
        LoadPlan(gateways=(one,), seconds=1, in_flight=in_flight)


def test_a_load_without_tags_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one tag"):
        LoadPlan(gateways=(), seconds=1)


def test_acknowledged_readings_survive_a_file(tmp_path: Path) -> None:
    seen = Acknowledged(
        np.array([0, 1], np.int32), np.array([3, 0], np.int32), np.array([5, 6], np.int64)
    )
    seen.save(tmp_path / "seen.npz")
    read = Acknowledged.load(tmp_path / "seen.npz")
    assert len(read) == 2
    assert read.ts.tolist() == [5, 6]
    assert read.block.tolist() == [3, 0]
    assert read.gateway.tolist() == [0, 1]


def test_a_packet_carries_a_message_that_the_decoder_takes() -> None:
    templates = Templates(
        "gw-1", ["a", "bb", "ccc"], per_message=2, boot="b7", variants=2,
        value=lambda sensor, variant: 10.0 * sensor + variant,
    )  # fmt: skip
    ts = np.array([1_772_669_730_000, 1_772_669_730_001], np.int64)
    raw = templates.packets(
        np.array([0, 1]), np.array([0, 3]), pid=np.array([1, 0x0203]), ts=ts,
        sent=1_772_669_731_120, seq=np.array([9, 18_231]), duplicate=True,
    )  # fmt: skip
    size = templates.packet_bytes
    assert len(raw) == 2 * size
    refs = {tag: SensorRef(number, None) for number, tag in enumerate(["a", "bb", "ccc"])}
    builder = BatchBuilder()
    for packet, pid in ((raw[:size], b"\x00\x01"), (raw[size:], b"\x02\x03")):
        assert packet[0] == 0x3A
        topic_ends = packet.index(b"telemetry") + len(b"telemetry")
        assert packet[topic_ends : topic_ends + 2] == pid
        head = decode(packet[topic_ends + 2 :], refs, 0, builder, 1, backfill=False)
        assert head.boot == "b7"
        assert head.errors == ()
    batch = builder.build()
    assert batch.sensor.tolist() == [0, 1, 2]
    assert batch.value.tolist() == [0.0, 10.0, 21.0]
    assert batch.time.tolist() == [ts[0] * 1000, ts[0] * 1000, ts[1] * 1000]
    assert batch.messages.sequence.tolist() == [9, 18_231]
    assert batch.messages.sent.tolist() == [1_772_669_731_120_000] * 2
