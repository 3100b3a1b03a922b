"""The demo: our own PostgreSQL and broker, the service, and a simulated county at play.

The county is registered at the first start and played by a process of its own, over MQTT, with
each gateway's own credentials, exactly as real gateways would. Whatever becomes of that process,
the service runs; what somebody removed from the registry stays removed.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import msgspec
from pydantic import SecretStr
from rich.console import Console

from ingest import Ingest
from service.brokers import BrokerAccess
from service.clock import now_us
from service.county import (
    COUNTY_SEED,
    PLAYING,
    Played,
    county_file,
    keep_county,
    kept_county,
    register_county,
    register_starter,
)
from service.embedded import (
    AlreadyRunning,
    Broker,
    MosquittoBroker,
    NatsBroker,
    PostgresServer,
    ServerFailed,
)
from service.embedded.server import Server, no_room
from service.live import PASSWORD_BYTES, hash_password
from service.run import Running, serve, unless
from service.settings import Settings
from simulators.county import county_registry
from store.audit import Actor
from store.gateways import set_credential


@dataclass(frozen=True, slots=True)
class DemoOptions:
    mqtt_port: int
    sites: int
    simulate: bool


class Simulator(Server):
    """`vedette simulate` as our own child; it ends with us and starts again when it dies."""

    part = "simulator"
    death_signal = signal.SIGTERM
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGTERM, 3.0),
        (signal.SIGKILL, 3.0),
    )

    def __init__(self, data_dir: Path, *, broker_url: str) -> None:
        super().__init__(data_dir)
        self.account = None  # Python itself may lie where another account cannot enter
        self._data_dir = data_dir
        self._broker_url = broker_url
        self._playing = False

    async def prepare(self) -> None:
        self._playing = False

    def command(self) -> Sequence[str]:
        return [
            sys.executable, "-m", "service", "simulate",
            "--data-dir", str(self._data_dir), "--broker", self._broker_url,
        ]  # fmt: skip

    def heard(self, line: str) -> None:
        super().heard(line)
        self._playing = self._playing or line.startswith(PLAYING)

    async def is_ready(self) -> bool:
        return self._playing


async def run_demo(settings: Settings, options: DemoOptions) -> None:
    """Run until stopped.

    Raises:
        service.run.CannotStart, service.http.PortTaken, service.embedded.ServerFailed: with what
            to do.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print("Vedette (前哨) — demo: starting database, broker and service ...")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # until `serve` takes them over
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        stack.enter_context(_telling_of_a_full_disk(settings.data_dir))
        database = PostgresServer(settings.data_dir, programs=settings.postgres_bin)
        broker = embedded_broker(settings, port=options.mqtt_port)
        await unless(stopping, _enter_all(stack, database, broker))
        if stopping.is_set():
            console.print("stopped before it was ready")
            return
        chosen = settings.model_copy(update={"database_url": SecretStr(database.dsn)})

        async def ready(running: Running) -> None:
            with _telling_of_a_full_disk(settings.data_dir):
                await _populate(running, options, settings.data_dir)
            played = _played(console, running, settings.data_dir)
            await _give_credentials(running, broker, played)
            if options.simulate:
                await _play(stack, console, settings.data_dir, broker, played)
            _tell(console, running, broker, settings)

        def hear_violations(ingest: Ingest) -> None:
            broker.on_violation = ingest.violation

        await serve(chosen, broker=access_to(broker), ready=ready, on_ingest=hear_violations)
    console.print("stopped; the data is kept in " + str(settings.data_dir))


@contextmanager
def _telling_of_a_full_disk(data_dir: Path) -> Iterator[None]:
    """Raises ServerFailed instead of the bare error; every start writes a file or two of its own."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ServerFailed(f"cannot start: {no_room(data_dir)}") from error


async def _enter_all(stack: AsyncExitStack, *servers: Server) -> None:
    """Start servers side by side; if one fails, those that started are stopped."""
    started = await asyncio.gather(
        *(stack.enter_async_context(server) for server in servers), return_exceptions=True
    )
    for result in started:
        if isinstance(result, BaseException):
            raise result


def embedded_broker(settings: Settings, *, port: int) -> Broker:
    """Mosquitto where it is configured, else the bundled nats-server."""
    if settings.mosquitto_binary is not None:
        return MosquittoBroker(
            settings.data_dir,
            port=port,
            program=settings.mosquitto_binary,
            save_every_change=settings.mosquitto_save_every_change,
        )
    return NatsBroker(settings.data_dir, port=port, program=settings.nats_binary)


def access_to(broker: Broker) -> BrokerAccess:
    return BrokerAccess(
        url=broker.url,
        username=broker.service.username,
        password=broker.service.password,
        client_id=broker.service.client_id,
        admin=broker,
        admit=broker.admit_gateways,
        redelivery_s=broker.redelivery_s,
    )


async def _populate(running: Running, options: DemoOptions, data_dir: Path) -> None:
    """Register the county (or one empty site) where nothing is registered yet.

    The county's file is written first: a start that is cut off behind it begins anew, and one that
    is cut off behind the registration finds the passwords there.
    """
    if running.live.registry.regions:
        return
    actor = Actor("demo", now_us())
    if options.simulate:
        gateways = county_registry(COUNTY_SEED, options.sites).gateways
        passwords = {gateway.id: secrets.token_urlsafe(PASSWORD_BYTES) for gateway in gateways}
        keep_county(data_dir, Played(COUNTY_SEED, options.sites, passwords))
        await register_county(running.database, sites=options.sites, actor=actor)
    else:
        await register_starter(running.database, actor=actor)
    await running.live.registry_changed()


def _played(console: Console, running: Running, data_dir: Path) -> Mapping[str, str]:
    """Passwords of the simulated gateways that are still registered."""
    try:
        kept = kept_county(data_dir)
    except (OSError, msgspec.DecodeError) as fault:
        console.print(f"  {county_file(data_dir)} cannot be read: {fault}")
        return {}
    registered = running.live.registry.gateways
    passwords = {} if kept is None else kept.passwords
    return {gateway: word for gateway, word in passwords.items() if gateway in registered}


async def _give_credentials(running: Running, broker: Broker, played: Mapping[str, str]) -> None:
    """Let simulated gateways in that were not yet; a start may have been cut off before."""
    missing = {g: word for g, word in played.items() if g not in broker.gateways}
    if not missing:
        return
    actor = Actor("demo", now_us())
    for gateway, password in missing.items():
        await set_credential(running.database, gateway, hash_password(password), actor=actor)
    await running.live.registry_changed()
    await broker.add_gateways(missing)


async def _play(
    stack: AsyncExitStack,
    console: Console,
    data_dir: Path,
    broker: Broker,
    played: Mapping[str, str],
) -> None:
    """Start the simulator, if there is anything to play; the service runs without it."""
    if not played:
        console.print("  nobody plays: no simulated gateway is registered in this data directory")
        return
    try:
        await stack.enter_async_context(Simulator(data_dir, broker_url=broker.url))
    except (ServerFailed, AlreadyRunning, OSError) as failure:
        console.print("  nobody plays: " + " | ".join(str(failure).splitlines()))


def _tell(console: Console, running: Running, broker: Broker, settings: Settings) -> None:
    registry = running.live.registry
    console.print(f"  data      {settings.data_dir}")
    console.print(f"  gateways  {broker.url}  ({len(registry.gateways)} registered)")
    console.print(f"  county    {len(registry.sites)} sites, {len(registry.sensors)} sensors")
    if running.identities.first_password is not None:
        console.print(
            f"  sign in   admin / {running.identities.first_password}   (shown this once)"
        )
    else:
        console.print("  sign in   admin   (forgotten? vedette user password admin)")
    console.print("  stop      Ctrl-C")
    # The contract's line: machines wait for it.
    print(f"ready {running.url}", flush=True)  # noqa: T201
