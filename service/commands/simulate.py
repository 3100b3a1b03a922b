"""`vedette simulate`: plays simulated gateways against any broker."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop

from service.clock import now_us
from service.commands.base import DataDir, app, fail, settings
from service.county import PLAYING, Played, county_file
from simulators.broker import Broker, Login
from simulators.county import county_registry
from simulators.player import Performance, play
from simulators.scenario import Scenario, ScenarioError, built_in, load


@app.command("simulate")
def simulate_command(
    scenario: Annotated[
        list[Path] | None, typer.Option(help="Scenario file; may be repeated. Default: the demo's.")
    ] = None,
    gateways: Annotated[
        int | None, typer.Option(min=1, help="Play only so many of the gateways.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of plant and scenarios.")] = 1,
    truth: Annotated[
        Path | None, typer.Option(help="Write labelled truth here (JSON lines).")
    ] = None,
    broker: Annotated[str, typer.Option(help="mqtt://host:port")] = "mqtt://127.0.0.1:1883",
    county: Annotated[
        Path | None,
        typer.Option(
            help="County file with seed, sites and gateway passwords (default: the demo's)."
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after so many seconds.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Play the registered county over MQTT, each gateway with its own credentials."""
    path = county or county_file(settings(data_dir=data_dir).data_dir)
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Played)
        scenarios = tuple(load(file) for file in scenario or ()) or (built_in(),)
        address = Broker.from_url(broker)
    except FileNotFoundError:
        fail(f"{path} is not there: run `vedette demo` once, which registers the county", code=2)
    except (OSError, msgspec.DecodeError, ScenarioError, ValueError) as error:
        fail(str(error), code=2)
    with ExitStack() as stack:
        file = None if truth is None else stack.enter_context(truth.open("w", encoding="utf-8"))
        performance = _performance(known, scenarios, seed, gateways, seconds)

        async def perform() -> None:
            playing = asyncio.ensure_future(
                play(
                    performance,
                    broker=address,
                    login=lambda gateway: Login(gateway, known.passwords[gateway]),
                    clock=now_us,
                    truth=file,
                )
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
            names = ", ".join(each.name for each in scenarios)
            print(
                f"{PLAYING} {names}: {len(performance.county.gateways)} gateways",
                flush=True,
            )
            with suppress(asyncio.CancelledError):  # the way a person stops it
                await playing

        try:
            uvloop.run(perform())
        except ScenarioError as error:
            fail(str(error))


def _performance(
    known: Played,
    scenarios: tuple[Scenario, ...],
    seed: int,
    gateways: int | None,
    seconds: float | None,
) -> Performance:
    county = county_registry(known.seed, known.sites)
    if gateways is not None:
        played = county.gateways[:gateways]
        ids = {gateway.id for gateway in played}
        sensors = tuple(sensor for sensor in county.sensors if sensor.gateway in ids)
        county = dataclasses.replace(county, gateways=played, sensors=sensors)
    return Performance(county=county, scenarios=scenarios, seed=seed, seconds=seconds)
