"""`vedette simulate`: plays simulated gateways against any broker."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer
import uvloop

from domain.catalogue import catalogue
from service import control
from service.brokers import WrongBrokerUrl, check_authorities
from service.clock import now_us
from service.commands.base import DataDir, app, fail, failing_on, settings
from service.commands.lonely import reached, watched
from service.county import PLAYING, UNREGISTERED, Played, county_file
from simulators.broker import NO_LOGIN, Broker, Login, login_in
from simulators.county import County, county_registry
from simulators.gateway import Traffic
from simulators.load import LoadGateway, LoadPlan, publish_load
from simulators.player import Performance, play
from simulators.publisher import Refused
from simulators.scenario import ScenarioError, built_in, load

READINGS_PER_MESSAGE = 20
FOR_EVER_S = 1e9


@app.command("simulate")
def simulate_command(
    scenario: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Scenario; may be repeated; default: the demo's (county-day)."
        ),
    ] = None,
    load_: Annotated[
        float | None,
        typer.Option(
            "--load", min=1, metavar="N", help="Instead of a plant: N plain readings a second."
        ),
    ] = None,
    gateways: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Play the first N gateways only.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of plant and scenarios.")] = 1,
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write labelled truth here (JSON lines).")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="mqtt://host:port, mqtts:// for TLS; with user:password@ all gateways log in as "
            "that user; default: the broker of the running service.",
        ),
    ] = None,
    county: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="County with seed, sites and gateway passwords; default: the demo's, else its "
            "county without passwords.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, metavar="S", help="Stop after S seconds.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Play simulated gateways against a broker.

    The gateways are those of the county that `vedette demo` registered, each with its own
    credentials. Any broker will do: where no county was registered, name one with --broker.
    """
    chosen = settings(data_dir=data_dir)
    known = _known(chosen.data_dir, county, anywhere=_is_elsewhere(broker, chosen.data_dir))
    url = broker or _running_broker(chosen.data_dir)
    with failing_on(WrongBrokerUrl, code=2):
        check_authorities(chosen.mqtt_ca_file)
    try:
        scenarios = tuple(load(file) for file in scenario or ()) or (built_in(),)
        address = Broker.from_url(url, ca_file=chosen.mqtt_ca_file)
        one_for_all = login_in(url)
    except (OSError, ScenarioError, ValueError) as error:
        fail(str(error), code=2)

    def login(gateway: str) -> Login:
        password = known.passwords.get(gateway)
        own = NO_LOGIN if password is None else Login(gateway, password)
        return own if one_for_all is None else one_for_all

    played = _first(county_registry(known.seed, known.sites), gateways)
    traffic = Traffic()
    with ExitStack() as stack, failing_on(ScenarioError, Refused, OSError):
        if load_ is not None:
            plan = _load_plan(played, login, readings_per_s=load_, seconds=seconds)
            load_on = publish_load(plan, broker=address, clock=now_us)
            work: Coroutine[Any, Any, Any] = reached(load_on, address)
            what = f"a load of {load_:g} readings/s"
        else:
            file = None if truth is None else stack.enter_context(_opened(truth))
            play_on = play(
                Performance(county=played, scenarios=scenarios, seed=seed, seconds=seconds),
                broker=address,
                login=login,
                clock=now_us,
                truth=file,
                traffic=traffic,
            )
            work = watched(play_on, traffic, address)
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


def _opened(truth: Path) -> IO[str]:
    try:
        return truth.open("w", encoding="utf-8")
    except OSError as error:
        fail(f"--truth {truth}: {error.strerror}", code=2)


def _known(data_dir: Path, given: Path | None, *, anywhere: bool) -> Played:
    """The county of the file; where the demo left none, `anywhere` makes its county do."""
    path = given or county_file(data_dir)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Played)
    except FileNotFoundError:
        if given is None and anywhere:
            return UNREGISTERED
        fail(
            f"{path} is not there: run `vedette demo` once, which registers the county, or name "
            "a broker with --broker mqtt://host:port",
            code=2,
        )
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{path} cannot be read: {error}", code=2)


def _is_elsewhere(broker: str | None, data_dir: Path) -> bool:
    """Whether a broker was named that is not the running service's, which knows its gateways."""
    try:
        return broker not in {None, control.find(data_dir).mqtt_url}
    except control.NoService:
        return broker is not None


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
    county: County,
    login: Callable[[str], Login],
    *,
    readings_per_s: float,
    seconds: float | None,
) -> LoadPlan:
    """Numbers for the points that measure one; states are left out."""
    measured = {code for code, measurand in catalogue().items() if measurand.kind == "analog"}
    tags: dict[str, list[str]] = {}
    for sensor in county.sensors:
        if sensor.measurand in measured:
            tags.setdefault(sensor.gateway, []).append(sensor.tag)
    return LoadPlan(
        gateways=tuple(
            LoadGateway(gateway=id_, login=login(id_), tags=tuple(names))
            for id_, names in tags.items()
        ),
        seconds=seconds or FOR_EVER_S,
        rate=readings_per_s / READINGS_PER_MESSAGE,
        readings_per_message=READINGS_PER_MESSAGE,
        boot=f"load-{now_us() // 1_000_000:x}",
    )
