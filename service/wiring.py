"""Builds the parts of one service process and hands each what it needs; runs nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from api.app import create_app, end_streams
from ingest import Ingest, Timing
from service.brokers import BrokerAccess
from service.clock import now_us
from service.feed import Feed
from service.health import Health
from service.history import history_of
from service.http import HttpServer, http_server, listen
from service.identities import Identities
from service.live import LiveEngine
from service.metrics import Metrics
from service.recovery import CannotStart, StoreStart, begin_storing, new_claim, recover_fold
from service.refused import RefusedKeeper
from service.registration import NoRegistry, Registration
from service.settings import Settings
from service.spine import Spine
from service.standby import Standby, StandbyNewer
from service.storer import Storer
from service.trusted_proxies import trusted_proxies
from store.database import Database
from store.journal import Journal, JournalNewer, JournalUnavailable, open_journal

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
    standby = Standby(settings.data_dir / "standby")
    journal = await _open_journal(settings)
    stack.push_async_callback(journal.close)
    database = await Database.connect(
        settings.database_url.get_secret_value(), max_connections=settings.database_connections
    )
    stack.push_async_callback(database.close)

    claim = new_claim()

    async def begin() -> StoreStart:
        return await begin_storing(
            journal, database, standby, claim=claim, migrate_first=migrate_first, clock=now_us
        )

    fold = await recover_fold(
        journal,
        database,
        standby,
        claim=claim,
        migrate_first=migrate_first,
        wait_s=settings.database_wait_s,
        clock=now_us,
    )
    registration = Registration(database, standby, clock=now_us)
    identities = Identities(database, standby, clock=now_us)
    try:
        await registration.load_or_copy()
        await identities.load_or_copy(settings.admin_password)
    except (NoRegistry, StandbyNewer) as error:
        raise CannotStart(str(error)) from error

    metrics = Metrics()
    feed = Feed(history=history_of(database), origin=fold.position, first=journal.first)
    storer = Storer(
        journal,
        lambda: fold,
        standby=standby,
        checkpoint_us=round(settings.checkpoint_s * 1_000_000),
        keep_journal=settings.journal_keep,
        clock=now_us,
        monotonic=time.monotonic,
        metrics=metrics,
    )
    spine = Spine(
        journal,
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
    ingest = Ingest(
        sink=spine.append_batch,
        tags=registration.tags,
        clock=now_us,
        sequences=fold.sequences.copy(),
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
    health = Health(
        spine=spine,
        storer=storer,
        ingest=ingest,
        journal=journal,
        feed=feed,
        metrics=metrics,
        clock=now_us,
        gateways=registration.gateways,
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
    return Parts(
        listener=listener,
        database=database,
        begin=begin,
        registration=registration,
        identities=identities,
        spine=spine,
        storer=storer,
        ingest=ingest,
        refused=refused,
        health=health,
        live=live,
        server=http_server(app, trusted_proxies=trusted_proxies(settings.http_trusted_proxies)),
        end_streams=lambda: end_streams(app),
    )


async def _open_journal(settings: Settings) -> Journal:
    try:
        return await open_journal(
            settings.journal,
            now_s=now_us() // 1_000_000,
            max_bytes=settings.journal_max_mib << 20,
        )
    except (JournalNewer, JournalUnavailable, ValueError) as error:
        raise CannotStart(str(error)) from error
