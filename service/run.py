"""The service from start to stop: run one group of named tasks, drain, stop.

Order matters. The journal is folded to its end before anything new is taken; ingest has its
session with the broker before gateways are let in; being ready is said last. A broker that stays
away holds up the gateways only: telemetry over HTTP is judged, screens and commands work.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from ingest import Ingest
from service import control
from service.brokers import BrokerAccess
from service.clock import now_us
from service.embedded import ServerFailed
from service.http import GRACE_S, url_of
from service.identities import Identities
from service.live import LiveEngine
from service.recovery import CannotStart
from service.registration import NotJudgeable
from service.settings import Settings
from service.ticker import tick
from service.upkeep import keep_indexed, keep_rolled, notice_edits
from service.watchdog import (
    Judging,
    feed_watchdog,
    notify_systemd,
    send_heartbeats,
    watchdog_interval_s,
)
from service.wiring import Parts, wire
from store.database import Database
from store.journal import JournalUnavailable

__all__ = ["CannotStart", "Running", "serve"]

DRAIN_S: Final = 8.0
"""How long an orderly stop waits for the store to catch up; the journal keeps the rest."""
SESSION_S: Final = 30.0
"""A start without a session with the broker after this is ready all the same, and says so."""
ADMIT_AGAIN_S: Final = 5.0
"""Time between attempts to let gateways in at a broker that does not take them."""

log = structlog.get_logger(__name__)
Built = TypeVar("Built")


@dataclass(frozen=True, slots=True)
class Running:
    """The service, up and taking readings."""

    url: str
    live: LiveEngine
    database: Database
    identities: Identities


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
        ready: called once everything is up; an error from it stops the service, and a stop that
            is asked for meanwhile cancels it.
        on_ingest: given the ingest object before it runs (the embedded broker reports to it).

    Raises:
        CannotStart: with what, which and what to do.
        service.http.PortTaken: the HTTP address is in use.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        parts = await unless(stopping, wire(settings, broker, stack, migrate_first=migrate_first))
        if parts is None:
            return
        if on_ingest is not None:
            on_ingest(parts.ingest)
        async with asyncio.TaskGroup() as group:
            tasks = _Tasks(group)
            tasks.start("journal", parts.spine.write_journal())
            tasks.start("fold", parts.spine.fold_entries())
            tasks.start("store", parts.storer.run(parts.database, parts.begin))
            with suppress(JournalUnavailable, NotJudgeable):  # the task `edits` tries for ever
                await parts.registration.enforce(parts.spine)
            _start_edges(tasks, parts, settings)
            tasks.start("admission", _let_gateways_in(parts, broker))
            await tasks.ended("admission", within_s=SESSION_S, unless=stopping)
            session = parts.ingest.session
            if session is not None and session.fault is not None and not stopping.is_set():
                log.error("broker.unavailable", broker=broker.url, reason=session.fault)
            url = url_of(parts.listener)
            _announce(url, parts, broker, settings)
            stack.callback(control.withdraw, settings.data_dir)
            notify_systemd("READY=1")
            log.info("service.ready", url=url, broker=broker.url)
            if ready is not None and not stopping.is_set():
                running = Running(url, parts.live, parts.database, parts.identities)
                await unless(stopping, ready(running))
            await stopping.wait()
            notify_systemd("STOPPING=1")
            await _drain(parts, tasks)
            tasks.cancel_all()


class _Tasks:
    """The named tasks of the service, so that one can be ended before the others."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks[name] = self._group.create_task(work, name=name)

    def cancel(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()

    async def ended(
        self, name: str, *, within_s: float, unless: asyncio.Event | None = None
    ) -> None:
        """Wait for a task to end; give up after a while, or as soon as `unless` is set."""
        told = asyncio.ensure_future((unless or asyncio.Event()).wait())
        try:
            await asyncio.wait(
                [self._tasks[name], told],
                timeout=within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            told.cancel()

    def cancel_all(self) -> None:
        self.cancel(*self._tasks)


def _start_edges(tasks: _Tasks, parts: Parts, settings: Settings) -> None:
    """What takes readings in, shows them, and looks after the house."""
    database, health, spine = parts.database, parts.health, parts.spine
    tasks.start("ingest", parts.ingest.run())
    tasks.start("tick", tick(spine, clock=now_us, listening=lambda: parts.ingest.listening))
    tasks.start("http", parts.server.serve([parts.listener]))
    tasks.start("health", health.run())
    tasks.start("refused", parts.refused.run(database))
    tasks.start("rollups", keep_rolled(database, clock=now_us))
    tasks.start("retention", parts.forgetting.run())
    tasks.start("indexes", keep_indexed(database, clock=now_us))
    tasks.start("edits", notice_edits(database, parts.registration, parts.identities, spine))
    if (interval_s := watchdog_interval_s()) is not None:
        tasks.start("watchdog", feed_watchdog(interval_s, turning=health.alive))
    if (url := settings.heartbeat_url) is not None:
        judging = Judging(
            turning=health.turning,
            journal_fault=lambda: spine.fault,
            ingest_faults=lambda: parts.ingest.faults,
            monotonic=time.monotonic,
        )
        tasks.start("heartbeat", send_heartbeats(url, settings.heartbeat_s, turning=judging))


async def _let_gateways_in(parts: Parts, broker: BrokerAccess) -> None:
    """Task: wait for the service's own session; what was published before it would be lost."""
    session = parts.ingest.session
    assert session is not None
    while True:
        await session.ready.wait()
        try:
            await broker.admit()
        except ServerFailed as failure:
            log.error("gateways.not_admitted", reason=str(failure))
            await asyncio.sleep(ADMIT_AGAIN_S)
        else:
            return


async def unless(stopping: asyncio.Event, work: Awaitable[Built]) -> Built | None:
    """What `work` gives, or None if a stop was asked for first: then it is cancelled."""
    working = asyncio.ensure_future(work)
    told = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([working, told], return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        told.cancel()
        working.cancel()
        await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # after a stop its complaint is no news


def _announce(url: str, parts: Parts, broker: BrokerAccess, settings: Settings) -> None:
    """Leave the note by which the commands of this machine find us."""
    control.announce(
        settings.data_dir,
        control.Running(
            pid=os.getpid(),
            url=url,
            token=parts.identities.local_token or "",
            database_url=settings.database_url.get_secret_value(),
            mqtt_url=broker.url,
            mqtt_username=broker.username,
            mqtt_password=broker.password,
        ),
    )


async def _drain(parts: Parts, tasks: _Tasks) -> None:
    """Stop taking, then let what was taken be folded and stored.

    Whoever appends is ended first: an entry that comes behind the last checkpoint would be judged
    again by the next version.
    """
    log.info("service.stopping")
    parts.end_streams()
    parts.server.should_exit = True
    await tasks.ended("http", within_s=2 * GRACE_S)  # who waits for an answer gets it
    tasks.cancel("ingest", "tick", "edits")
    try:
        async with asyncio.timeout(DRAIN_S):
            await parts.spine.settled()
            await parts.storer.drained()
            await parts.refused.drained()
    except TimeoutError:
        log.warning("service.undrained", lag_readings=parts.health.figures.lag_readings())
