"""The HTTP application: every route, every error as a problem, security headers, the interface.

The application's life is one task group: the streams' ticker, the memory of recent changes, and
the keeper of sessions that were made while the database was away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api import docs_page, openapi, problems
from api.absences import Absences
from api.accounts import Directory
from api.alarm_views import AlarmViews
from api.edge import Edge
from api.headers import BodyLimit, SecurityHeaders
from api.health import root_router
from api.lockout import Lockout
from api.passwords import PasswordCheck
from api.ports import Live
from api.recent import Recent
from api.routes import api_router
from api.situation import Situations
from api.static import PACKAGED, static_router
from api.streams import Streams
from store.database import (
    REFUSALS,
    Database,
    DatabaseFailed,
    DatabaseRefuses,
    DatabaseUnavailable,
    refusals,
)
from store.journal import JournalUnavailable
from store.refusals import Conflict, Invalid, NotFound

log: Final = logging.getLogger(__name__)
KEEP_S: Final = 5.0

_PROBLEMS: Final[dict[type[Exception], str]] = {
    **dict.fromkeys((DatabaseRefuses, *REFUSALS), "database_refuses"),
    DatabaseFailed: "database_failed",
    DatabaseUnavailable: "database_away",
    JournalUnavailable: "journal_unavailable",
    Conflict: "conflict",
    NotFound: "not_found",
    Invalid: "invalid",
}


def create_app(  # noqa: PLR0913 - the parts of one process, each named
    *,
    live: Live,
    database: Database,
    accounts: Directory,
    clock: Callable[[], int],
    zone: ZoneInfo,
    metrics: CollectorRegistry,
    secure_cookie: bool,
    session_us: int,
    static: Path = PACKAGED,
) -> FastAPI:
    """The application of one process.

    Args:
        live: engine and ingest.
        database: for history and changes; may be away.
        accounts: who may sign in; the caller replaces its snapshot when accounts change.
        clock: server time, int64 µs UTC.
        zone: in which a day begins.
        metrics: what `/metrics` shows.
        secure_cookie: behind HTTPS: cookie marked Secure, HSTS sent.
        session_us: life of a sign-in without use.
        static: directory of the built web interface.
    """
    views = AlarmViews(lambda: live.stored_position)
    recent = Recent(live)
    edge = Edge(
        live=live,
        database=database.for_questions(),
        accounts=accounts,
        clock=clock,
        zone=zone,
        session_us=session_us,
        secure_cookie=secure_cookie,
        passwords=PasswordCheck(),
        lockout=Lockout(clock),
        views=views,
        situations=Situations(live, clock),
        streams=Streams(live, views, Absences(live, accounts, recent), clock),
        recent=recent,
    )

    # Without an address of FastAPI's own document there are no pages of its own either.
    app = FastAPI(title=openapi.TITLE, lifespan=_life, openapi_url=None, redirect_slashes=False)
    app.state.edge = edge
    problems.install(app, _PROBLEMS)
    app.add_middleware(problems.Faults)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, secure=secure_cookie)
    app.include_router(root_router(metrics))
    app.include_router(api_router())
    app.include_router(docs_page.router)
    app.include_router(static_router(static))
    app.openapi = openapi.describe(app)  # type: ignore[method-assign]
    return app


def end_streams(app: FastAPI) -> None:
    """End every open stream at once and take no new one.

    To be called before the server stops, which waits for open answers.
    """
    edge: Edge = app.state.edge
    edge.streams.close_all()


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    edge: Edge = app.state.edge
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(edge.streams.run(), name="api.streams"),
            tasks.create_task(edge.recent.run(), name="api.recent"),
            tasks.create_task(_keep_sessions(edge), name="api.sessions"),
        ]
        yield
        edge.streams.close_all()
        for task in running:
            task.cancel()


async def _keep_sessions(edge: Edge) -> None:
    told = False
    while True:
        try:
            with refusals():
                await edge.accounts.keep(edge.database, now=edge.clock())
            told = False
        except DatabaseUnavailable as error:
            if not told:
                log.warning("sessions are kept in memory for now: %s", error)
            told = True
        await asyncio.sleep(KEEP_S)
