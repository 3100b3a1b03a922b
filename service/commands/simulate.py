"""`vedette simulate`: plays simulated gateways against any broker."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
import uvloop

from domain.catalogue import catalogue
from service.clock import now_us
from service.commands.base import DataDir, app, fail, failing_on, settings
from service.commands.cast import Cast, cast_of
from service.commands.lonely import reached, watched
from service.county import PLAYING
from simulators.gateway import Traffic
from simulators.load import LoadGateway, LoadPlan, publish_load
from simulators.player import Performance, play
from simulators.publisher import Refused
from simulators.scenario import Scenario, ScenarioError, built_in, load

READINGS_PER_MESSAGE: Final = 20
FOR_EVER_S: Final = 1e9

Scenarios = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help="Scenario; may be repeated; default: the demo's (county-day)."
    ),
]
Load = Annotated[
    float | None,
    typer.Option(
        "--load", min=1, metavar="N", help="Instead of a plant: N plain readings a second."
    ),
]
Gateways = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Play the first N gateways only.")
]
Seed = Annotated[int, typer.Option(metavar="S", help="Seed of plant and scenarios.")]
Truth = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write labelled truth here (JSON lines).")
]
BrokerUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="mqtt://host:port, mqtts:// for TLS; with user:password@ all gateways log in as "
        "that user; default: the broker of the running service.",
    ),
]
CountyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="County with seed, sites and gateway passwords; default: the demo's, else its "
        "county without passwords.",
    ),
]
Seconds = Annotated[float | None, typer.Option(min=1, metavar="S", help="Stop after S seconds.")]


@app.command("simulate")
def simulate_command(
    scenario: Scenarios = None,
    load_: Load = None,
    gateways: Gateways = None,
    seed: Seed = 1,
    truth: Truth = None,
    broker: BrokerUrl = None,
    county: CountyFile = None,
    seconds: Seconds = None,
    data_dir: DataDir = None,
) -> None:
    """Play simulated gateways against a broker.

    The gateways are those of the county that `vedette demo` registered, each with its own
    credentials. Any broker will do: where no county was registered, name one with --broker.
    """
    cast = cast_of(settings(data_dir=data_dir), county=county, gateways=gateways, broker=broker)
    scenarios = _scenarios(scenario)
    with ExitStack() as stack, failing_on(ScenarioError, Refused, OSError):
        if load_ is not None:
            what = f"a load of {load_:g} readings/s"
            work = _load(cast, readings_per_s=load_, seconds=seconds)
        else:
            what = ", ".join(each.name for each in scenarios)
            file = None if truth is None else stack.enter_context(_opened(truth))
            performance = Performance(
                county=cast.county, scenarios=scenarios, seed=seed, seconds=seconds
            )
            work = _play(cast, performance, truth=file)
        uvloop.run(_until_told(work, f"{PLAYING} {what}: {len(cast.county.gateways)} gateways"))


def _scenarios(files: list[Path] | None) -> tuple[Scenario, ...]:
    try:
        return tuple(load(file) for file in files or ()) or (built_in(),)
    except (OSError, ScenarioError, ValueError) as error:
        fail(str(error), code=2)


def _opened(truth: Path) -> IO[str]:
    try:
        return truth.open("w", encoding="utf-8")
    except OSError as error:
        fail(f"--truth {truth}: {error.strerror}", code=2)


async def _play(cast: Cast, performance: Performance, *, truth: IO[str] | None) -> None:
    traffic = Traffic()
    playing = play(
        performance,
        broker=cast.broker,
        login=cast.login,
        clock=now_us,
        truth=truth,
        traffic=traffic,
    )
    await watched(playing, traffic, cast.broker)


async def _load(cast: Cast, *, readings_per_s: float, seconds: float | None) -> None:
    """Numbers for the points that measure one; states are left out."""
    measured = {code for code, measurand in catalogue().items() if measurand.kind == "analog"}
    tags: dict[str, list[str]] = {}
    for sensor in cast.county.sensors:
        if sensor.measurand in measured:
            tags.setdefault(sensor.gateway, []).append(sensor.tag)
    plan = LoadPlan(
        gateways=tuple(
            LoadGateway(gateway=id_, login=cast.login(id_), tags=tuple(names))
            for id_, names in tags.items()
        ),
        seconds=seconds or FOR_EVER_S,
        rate=readings_per_s / READINGS_PER_MESSAGE,
        readings_per_message=READINGS_PER_MESSAGE,
        boot=f"load-{now_us() // 1_000_000:x}",
    )
    await reached(publish_load(plan, broker=cast.broker, clock=now_us), cast.broker)


async def _until_told(work: Coroutine[Any, Any, None], announcement: str) -> None:
    """Run until it ends or somebody stops it, which is no error."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    print(announcement, flush=True)
    with suppress(asyncio.CancelledError):
        await working
