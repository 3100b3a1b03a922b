"""The service from start to stop: recover, wire, run one group of named tasks, drain, stop.

Start-up order matters. The journal is folded to its end before anything new is taken; ingest has
its session with the broker before gateways are let in; the ready line comes last.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from alerting import Fold
from api.app import create_app
from ingest import Ingest, Timing
from service import control
from service.accounts import Accounts
from service.brokers import BrokerAdmin, ForeignBroker
from service.clock import now_us
from service.feed import Feed
from service.health import Health
from service.history import history_of
from service.http import HttpServer, http_server, listen, url_of
from service.live import LiveEngine
from service.metrics import Metrics
from service.recovery import CannotStart, recover_fold
from service.registration import Registration
from service.settings import Settings
from service.spine import Spine
from service.standby import Standby
from service.storer import Storer
from service.ticker import tick
from service.upkeep import keep_up
from service.watchdog import feed_watchdog, notify_systemd, send_heartbeats, watchdog_interval_s
from store.database import Database
from store.journal import JournalNewer, JournalUnavailable, open_journal

__all__ = ["CannotStart", "Running", "serve"]

DRAIN_S = 8.0
"""How long an orderly stop waits for the store to catch up; the journal keeps the rest."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The service, up and taking readings."""

    url: str
    live: LiveEngine
    database: Database
    accounts: Accounts
    registration: Registration


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where ingest connects, and who gives gateways their credentials."""

    url: str
    username: str
    password: str
    client_id: str
    admin: BrokerAdmin
    admit: Callable[[], Awaitable[None]]
    """Lets gateways in, once the service's session exists."""
    redelivery_s: float
    public_url: str
    """Without credentials: what a gateway is told."""


async def serve(
    settings: Settings,
    *,
    broker: BrokerAccess,
    migrate_first: bool = True,
    ready: Callable[[Running], Awaitable[None]] | None = None,
    on_ingest: Callable[[Ingest], None] | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or cancellation.

    Args:
        settings: of this process.
        broker: the broker's address and administration.
        migrate_first: bring the schema up to date.
        ready: called once everything is up; an error from it stops the service.
        on_ingest: given the ingest object before it runs (the embedded broker reports to it).

    Raises:
        CannotStart: with what, which and what to do.
        service.http.PortTaken: the HTTP address is in use.
    """
    async with AsyncExitStack() as stack:
        listener = listen(settings.http_host, settings.http_port)
        stack.callback(listener.close)
        standby = Standby(settings.data_dir / "standby")
        try:
            journal = await open_journal(
                settings.journal,
                now_s=now_us() // 1_000_000,
                max_bytes=settings.journal_max_mib << 20,
            )
        except (JournalNewer, JournalUnavailable, ValueError) as error:
            raise CannotStart(str(error)) from error
        stack.push_async_callback(journal.close)
        database = await Database.connect(
            settings.database_url.get_secret_value(),
            max_connections=settings.database_connections,
        )
        stack.push_async_callback(database.close)

        registration = Registration(database, standby, clock=now_us)
        accounts = Accounts(database, standby, clock=now_us)
        recovery = await recover_fold(
            journal,
            database,
            standby,
            registration,
            accounts,
            migrate_first=migrate_first,
            admin_password=settings.admin_password,
            clock=now_us,
        )
        metrics = Metrics()
        feed = Feed(history=history_of(database), origin=recovery.fold.position)
        storer = Storer(
            journal,
            lambda: spine.fold,
            standby=standby,
            checkpoint_us=round(settings.checkpoint_s * 1_000_000),
            clock=now_us,
            metrics=metrics,
        )
        spine = Spine(
            journal, recovery.fold, feed=feed, sink=storer, metrics=metrics, monotonic=time.monotonic
        )
        base = recovery.fold.snapshot()
        replayed = await spine.replay(recovery.fold.position)
        log.info("journal.folded", entries=replayed, position=spine.fold.position)

        ingest = Ingest(
            sink=spine.append_batch,
            tags=registration.tags,
            clock=now_us,
            sequences=spine.fold.sequences.copy(),
            quarantine=recovery.quarantine.offer,
            timing=Timing(
                batch_readings=settings.batch_readings,
                batch_age_s=settings.batch_ms / 1000,
                redelivery_s=broker.redelivery_s,
            ),
        )
        if on_ingest is not None:
            on_ingest(ingest)
        session = ingest.connect_to(
            broker.url,
            client_id=broker.client_id,
            username=broker.username,
            password=broker.password,
        )
        health = Health(
            spine=spine, storer=storer, ingest=ingest, journal=journal, database=database,
            feed=feed, metrics=metrics, clock=now_us, started_at=now_us(),
        )  # fmt: skip
        live = LiveEngine(
            spine=spine, ingest=ingest, storer=storer, feed=feed, registration=registration,
            broker=broker.admin, health=health.frame, unready=health.unready,
        )  # fmt: skip
        app = create_app(
            live=live,
            database=database,
            accounts=accounts.directory,
            clock=now_us,
            zone=ZoneInfo(settings.time_zone),
            metrics=metrics.registry,
            secure_cookie=settings.http_secure_cookie,
            session_us=round(settings.session_hours * 3_600_000_000),
        )
        server = http_server(app)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)

        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[None]] = {}

            def start(name: str, work: Awaitable[None]) -> None:
                tasks[name] = group.create_task(_run(work), name=name)

            start("journal", spine.write_journal())
            start("fold", spine.fold_entries())
            start("store", storer.run(database, recovery.start_of_store(base)))
            await registration.enforce(spine)
            start("ingest", ingest.run())
            start("tick", tick(spine, clock=now_us, listening=lambda: ingest.listening))
            start("http", server.serve([listener]))
            start("upkeep", keep_up(database, registration, accounts, spine, settings, now_us))
            start("quarantine", recovery.quarantine.run(database))
            start("measure", health.run())
            if (interval := watchdog_interval_s()) is not None:
                start("watchdog", feed_watchdog(interval, turning=health.turning))
            if settings.heartbeat_url is not None:
                start(
                    "heartbeat",
                    send_heartbeats(
                        settings.heartbeat_url, settings.heartbeat_s, turning=health.turning
                    ),
                )
            await session.ready.wait()
            await broker.admit()
            url = url_of(listener)
            control.announce(
                settings.data_dir,
                accounts.announcement(url, broker.public_url, settings.database_url),
            )
            stack.callback(control.withdraw, settings.data_dir)
            notify_systemd("READY=1")
            log.info("service.ready", url=url, broker=broker.public_url)
            if ready is not None:
                await ready(Running(url, live, database, accounts, registration))
            await stopping.wait()
            notify_systemd("STOPPING=1")
            await _stop(server, ingest_task=tasks["ingest"], tasks=tasks, spine=spine, storer=storer)


async def _run(work: Awaitable[None]) -> None:
    await work


async def _stop(
    server: HttpServer,
    *,
    ingest_task: asyncio.Task[None],
    tasks: dict[str, asyncio.Task[None]],
    spine: Spine,
    storer: Storer,
) -> None:
    """Stop taking, let what was taken be folded and stored, then end every task."""
    log.info("service.stopping")
    ingest_task.cancel()
    tasks["tick"].cancel()
    server.should_exit = True
    try:
        async with asyncio.timeout(DRAIN_S):
            await storer.drained(spine)
    except TimeoutError:
        log.warning("service.undrained", behind=spine.fold.position - storer.committed)
    for task in tasks.values():
        task.cancel()


def foreign(settings: Settings, *, client_id: str) -> BrokerAccess:
    """Access to a broker that somebody else runs, from `mqtt_url`."""
    url = settings.mqtt_url.get_secret_value()
    return broker_from_url(url, client_id=client_id)


def broker_from_url(url: str, *, client_id: str) -> BrokerAccess:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise CannotStart(f"mqtt_url must be mqtt://user:password@host:port or mqtts://..., not {parts.scheme}://")

    async def nothing() -> None:
        """Others let the gateways in."""

    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    address = f"{parts.scheme}://{parts.hostname}:{port}"
    return BrokerAccess(
        url=address,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        client_id=client_id,
        admin=ForeignBroker(),
        admit=nothing,
        redelivery_s=0.0,
        public_url=address,
    )
