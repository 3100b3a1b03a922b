"""Builds the parts of one service process and hands each what it needs; runs nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from alerting import Fold
from api.app import create_app, end_streams
from ingest import Ingest, Timing
from service.brokers import BrokerAccess
from service.clock import now_us
from service.feed import Feed
from service.figures import Figures
from service.forgetting import Forgetting, keep_of
from service.foundation import Foundation, lay_foundation, load_registers
from service.health import Health
from service.history import history_of
from service.http import HttpServer, http_server, listen
from service.identities import Identities
from service.live import LiveEngine
from service.metrics import Metrics
from service.recovery import StoreStart
from service.refused import RefusedKeeper
from service.registration import Registration
from service.settings import Settings
from service.spine import Spine
from service.storer import Storer
from service.trusted_proxies import trusted_proxies
from store.database import Database

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything one process holds. `begin` asks the database where the storer goes on."""

    listener: socket.socket
    database: Database
    begin: Callable[[], Awaitable[StoreStart]]
    registration: Registration
    identities: Identities
    spine: Spine
    storer: Storer
    ingest: Ingest
    refused: RefusedKeeper
    forgetting: Forgetting
    health: Health
    live: LiveEngine
    server: HttpServer
    end_streams: Callable[[], None]
    """Ends the live streams, which would otherwise hold up a stop."""


async def wire(
    settings: Settings, broker: BrokerAccess, stack: AsyncExitStack, *, migrate_first: bool
) -> Parts:
    """Recover the fold and build everything around it.

    Args:
        settings: of this process.
        broker: where ingest connects.
        stack: closes what was opened.
        migrate_first: bring the schema up to date.

    Raises:
        CannotStart: with what, which and what to do.
        service.http.PortTaken: the HTTP address is in use.
    """
    listener = listen(settings.http_host, settings.http_port)
    stack.callback(listener.close)
    ground = await lay_foundation(settings, stack, migrate_first=migrate_first)
    fold = await ground.recover(wait_s=settings.database_wait_s)
    registration, identities = await load_registers(ground, settings)

    metrics = Metrics()
    feed = Feed(
        history=history_of(ground.database), origin=fold.position, first=ground.journal.first
    )
    storer = _storer(ground, fold, metrics, settings)
    spine = Spine(
        ground.journal,
        fold,
        feed=feed,
        sink=storer,
        metrics=metrics,
        clock=now_us,
        monotonic=time.monotonic,
    )
    replayed = await spine.replay(fold.position)
    log.info("journal.folded", entries=replayed, position=fold.position)

    refused = RefusedKeeper()
    ingest = _ingest(spine, registration, refused, broker, settings)
    figures = Figures(
        spine=spine,
        storer=storer,
        ingest=ingest,
        journal=ground.journal,
        feed=feed,
        metrics=metrics,
        clock=now_us,
        gateways=registration.gateways,
    )
    forgetting = Forgetting(ground.database, keep_of(settings), clock=now_us)
    health = Health(
        figures=figures,
        spine=spine,
        storer=storer,
        ingest=ingest,
        standby=ground.standby,
        forgetting=forgetting,
        clock=now_us,
    )
    live = LiveEngine(
        spine=spine,
        ingest=ingest,
        storer=storer,
        feed=feed,
        registration=registration,
        broker=broker.admin,
        health=health,
    )
    server, end = _server(live, ground.database, identities, metrics, settings)
    return Parts(
        listener=listener,
        database=ground.database,
        begin=ground.begin,
        registration=registration,
        identities=identities,
        spine=spine,
        storer=storer,
        ingest=ingest,
        refused=refused,
        forgetting=forgetting,
        health=health,
        live=live,
        server=server,
        end_streams=end,
    )


def _storer(ground: Foundation, fold: Fold, metrics: Metrics, settings: Settings) -> Storer:
    return Storer(
        ground.journal,
        lambda: fold,
        standby=ground.standby,
        checkpoint_us=round(settings.checkpoint_s * 1_000_000),
        keep_journal=settings.journal_keep,
        clock=now_us,
        monotonic=time.monotonic,
        metrics=metrics,
    )


def _ingest(
    spine: Spine,
    registration: Registration,
    refused: RefusedKeeper,
    broker: BrokerAccess,
    settings: Settings,
) -> Ingest:
    ingest = Ingest(
        sink=spine.append_batch,
        tags=registration.tags,
        clock=now_us,
        sequences=spine.fold.sequences.copy(),
        quarantine=refused.offer,
        timing=Timing(
            batch_readings=settings.batch_readings,
            batch_age_s=settings.batch_ms / 1000,
            redelivery_s=broker.redelivery_s,
        ),
    )
    ingest.connect_to(
        broker.url,
        client_id=broker.client_id,
        username=broker.username,
        password=broker.password,
        ca_file=broker.ca_file,
    )
    return ingest


def _server(
    live: LiveEngine,
    database: Database,
    identities: Identities,
    metrics: Metrics,
    settings: Settings,
) -> tuple[HttpServer, Callable[[], None]]:
    """The HTTP server, and what ends its live streams."""
    app = create_app(
        live=live,
        database=database,
        accounts=identities.directory,
        clock=now_us,
        zone=ZoneInfo(settings.time_zone),
        metrics=metrics.registry,
        secure_cookie=settings.http_secure_cookie,
        session_us=round(settings.session_hours * 3_600_000_000),
    )
    proxies = trusted_proxies(settings.http_trusted_proxies)
    return http_server(app, trusted_proxies=proxies), lambda: end_streams(app)
