"""`vedette simulate`: plays simulated gateways against any broker."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvloop

from domain.catalogue import catalogue
from service import control
from service.clock import now_us
from service.commands.base import DataDir, app, fail, failing_on, settings
from service.county import PLAYING, Played, county_file
from simulators.broker import Broker, Login
from simulators.county import County, county_registry
from simulators.load import LoadGateway, LoadPlan, publish_load
from simulators.player import Performance, play
from simulators.publisher import Refused
from simulators.scenario import ScenarioError, built_in, load

READINGS_PER_MESSAGE = 20
FOR_EVER_S = 1e9


@app.command("simulate")
def simulate_command(
    scenario: Annotated[
        list[Path] | None, typer.Option(help="Scenario file; may be repeated. Default: the demo's.")
    ] = None,
    load_: Annotated[
        float | None,
        typer.Option("--load", min=1, help="Instead of a plant: so many plain readings a second."),
    ] = None,
    gateways: Annotated[
        int | None, typer.Option(min=1, help="Play only so many of the gateways.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of plant and scenarios.")] = 1,
    truth: Annotated[
        Path | None, typer.Option(help="Write labelled truth here (JSON lines).")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(help="mqtt://host:port; default: that of the running service.")
    ] = None,
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
    chosen = settings(data_dir=data_dir)
    known = _known(county or county_file(chosen.data_dir))
    try:
        scenarios = tuple(load(file) for file in scenario or ()) or (built_in(),)
        address = Broker.from_url(broker or _running_broker(chosen.data_dir))
    except (OSError, ScenarioError, ValueError) as error:
        fail(str(error), code=2)
    played = _first(county_registry(known.seed, known.sites), gateways)
    with ExitStack() as stack, failing_on(ScenarioError, Refused, OSError):
        if load_ is not None:
            plan = _load_plan(played, known, readings_per_s=load_, seconds=seconds)
            work: Coroutine[Any, Any, Any] = publish_load(plan, broker=address, clock=now_us)
            what = f"a load of {load_:g} readings/s"
        else:
            file = None if truth is None else stack.enter_context(truth.open("w", encoding="utf-8"))
            work = play(
                Performance(county=played, scenarios=scenarios, seed=seed, seconds=seconds),
                broker=address,
                login=lambda gateway: Login(gateway, known.passwords[gateway]),
                clock=now_us,
                truth=file,
            )
            what = ", ".join(each.name for each in scenarios)
        uvloop.run(_until_told(work, f"{PLAYING} {what}: {len(played.gateways)} gateways"))


async def _until_told(work: Coroutine[Any, Any, Any], announcement: str) -> None:
    """Run until it ends or somebody stops it, which is no error."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    print(announcement, flush=True)
    with suppress(asyncio.CancelledError):
        await working


def _known(path: Path) -> Played:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Played)
    except FileNotFoundError:
        fail(f"{path} is not there: run `vedette demo` once, which registers the county", code=2)
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{path} cannot be read: {error}", code=2)


def _running_broker(data_dir: Path) -> str:
    try:
        return control.find(data_dir).mqtt_url
    except control.NoService as error:
        fail(f"{error}; or name a broker with --broker mqtt://host:port", code=2)


def _first(county: County, gateways: int | None) -> County:
    """The county with only its first so many gateways."""
    if gateways is None:
        return county
    played = county.gateways[:gateways]
    ids = {gateway.id for gateway in played}
    sensors = tuple(sensor for sensor in county.sensors if sensor.gateway in ids)
    return dataclasses.replace(county, gateways=played, sensors=sensors)


def _load_plan(
    county: County, known: Played, *, readings_per_s: float, seconds: float | None
) -> LoadPlan:
    """Numbers for the points that measure one; states are left out."""
    measured = {code for code, measurand in catalogue().items() if measurand.kind == "analog"}
    tags: dict[str, list[str]] = {}
    for sensor in county.sensors:
        if sensor.measurand in measured:
            tags.setdefault(sensor.gateway, []).append(sensor.tag)
    return LoadPlan(
        gateways=tuple(
            LoadGateway(gateway=id_, login=Login(id_, known.passwords[id_]), tags=tuple(names))
            for id_, names in tags.items()
        ),
        seconds=seconds or FOR_EVER_S,
        rate=readings_per_s / READINGS_PER_MESSAGE,
        readings_per_message=READINGS_PER_MESSAGE,
        boot=f"load-{now_us() // 1_000_000:x}",
    )
