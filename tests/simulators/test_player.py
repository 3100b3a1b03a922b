"""A whole county on a real broker, hurried."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from simulators import Performance, Scenario, Traffic, built_in, county_registry, play
from simulators.scenario import Happening, Where
from tests.simulators.house import now_us, open_house, until


def test_every_point_is_heard_and_every_gateway_speaks_in_order(data_dir: Path) -> None:
    county = county_registry(1, 12)

    async def run() -> None:
        names = [gateway.id for gateway in county.gateways]
        performance = Performance(county=county, scenarios=(built_in(),), speed=20, seconds=60)
        truth = io.StringIO()
        async with open_house(data_dir, names) as house:
            traffic = await play(
                performance, broker=house.broker, login=house.login, clock=now_us, truth=truth
            )
            await until(lambda: len(house.on("telemetry")) == traffic.published)
            spoken = {
                (gateway, reading["s"])
                for gateway, leaf, message in house.heard
                if leaf == "telemetry"
                for reading in message["readings"]
            }
            assert spoken == {(sensor.gateway, sensor.tag) for sensor in county.sensors}
            for name in names:
                heard = house.sequences(name)
                assert heard == list(range(1, len(heard) + 1))
            assert traffic.connects == len(names)
            assert truth.getvalue().count('"begin"') == truth.getvalue().count('"end"') >= 1

    asyncio.run(run())


def test_plant_time_goes_faster_when_asked(data_dir: Path) -> None:
    county = county_registry(1, 1)

    async def run() -> None:
        start = now_us() - 3_600_000_000
        performance = Performance(
            county=county, scenarios=(), speed=50, seconds=100, start=start
        )  # fmt: skip
        async with open_house(data_dir, ["gw-001"]) as house:
            await play(performance, broker=house.broker, login=house.login, clock=now_us)
            times = [message["ts"] for message in house.on("telemetry")]
            assert min(times) == start / 1000
            assert 85_000 < max(times) - min(times) < 100_000

    asyncio.run(run())


def test_a_cancelled_player_ends_at_once_and_completes_its_truth(data_dir: Path) -> None:
    county = county_registry(1, 12)

    async def run() -> None:
        scenario = Scenario(name="long", incident=(Happening(kind="gas_leak", lasts_s=9999),))
        performance = Performance(county=county, scenarios=(scenario,))
        truth, traffic = io.StringIO(), Traffic()
        async with open_house(data_dir, [gateway.id for gateway in county.gateways]) as house:
            playing = asyncio.create_task(
                play(
                    performance,
                    broker=house.broker,
                    login=house.login,
                    clock=now_us,
                    truth=truth,
                    traffic=traffic,
                )
            )
            await until(lambda: traffic.readings >= len(county.sensors))
            playing.cancel()
            await asyncio.wait({playing}, timeout=10)
            assert playing.cancelled()
            assert '"end"' in truth.getvalue()

    asyncio.run(run())


def test_a_cut_line_hides_a_gateway_and_brings_everything_later(data_dir: Path) -> None:
    county = county_registry(1, 1)
    scenario = Scenario(
        name="cut",
        incident=(
            Happening(
                kind="gateway_offline", at_s=20, lasts_s=60, where=Where(gateway="gw-001")
            ),
        ),
    )  # fmt: skip

    async def run() -> None:
        performance = Performance(county=county, scenarios=(scenario,), speed=20, seconds=130)
        async with open_house(data_dir, ["gw-001"]) as house:
            traffic = await play(performance, broker=house.broker, login=house.login, clock=now_us)
            await until(lambda: len(house.on("telemetry")) == traffic.published)
            assert house.on("status")[:3] == [{"online": True}, {"online": False}, {"online": True}]
            heard = house.sequences("gw-001")
            assert sorted(set(heard)) == list(range(1, max(heard) + 1))

    asyncio.run(run())


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    performance = Performance(county=county_registry(1, 1), scenarios=(), speed=speed)
    with pytest.raises(ValueError, match="speed must be above 0"):
        asyncio.run(
            play(
                performance,
                broker=None,  # type: ignore[arg-type]  # refused before it is looked at
                login=lambda _: None,  # type: ignore[arg-type,return-value]
                clock=now_us,
            )
        )
