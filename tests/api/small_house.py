"""The API's surroundings, small but real: a fold, a SQLite journal, PostgreSQL, uvicorn.

`House` is what the service is to the API, cut down to one loop: an entry is journalled, folded,
published and, while `storing`, committed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from prometheus_client import CollectorRegistry

from alerting import Act, Alarm, Fold, Outcome, Refusal
from alerting.conditions import NEVER
from api.accounts import Directory
from api.app import create_app, end_streams
from api.passwords import hash_password
from api.ports import Credentials, Event, GatewayLive, Latest, PostedTelemetry
from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from domain.entries import Entry, EntryKind, Tick
from domain.readings import Position, ReadingBatch
from domain.wire import BatchBuilder, MalformedMessage, decode
from service.feed import Feed
from service.history import history_of
from service.http import http_server
from service.registration import difference, tags_of
from service.spine import events_of
from store.accounts import User, add_user, load_accounts
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.journal import Journal, open_journal
from store.registry import Registry, load_registry
from store.writer import Commit, commit, open_epoch

PASSWORD = "correct horse 7"
HASH = hash_password(PASSWORD)
GATEWAY_PASSWORD = "gateway secret"
SECOND = 1_000_000


def now_us() -> int:
    return time.time_ns() // 1000


COUNTY = NewRegistry(
    regions=(
        Region(id="county", name="望川县", kind="county"),
        Region(id="east", name="东镇", kind="town", parent="county"),
        Region(id="west", name="西镇", kind="town", parent="county"),
    ),
    enterprises=(
        Enterprise(id="alpha", name="甲化工", region="east", industry="chemical"),
        Enterprise(id="beta", name="乙木业", region="west", industry="wood"),
    ),
    sites=(
        Site(id="alpha-1", name="甲厂区", enterprise="alpha"),
        Site(id="beta-1", name="乙厂区", enterprise="beta"),
    ),
    zones=(
        Zone(id="tank", name="罐区", site="alpha-1"),
        Zone(id="saw", name="锯房", site="beta-1"),
    ),
    gateways=(
        Gateway(id="gw-a", number=0, site="alpha-1", name="甲网关"),
        Gateway(id="gw-b", number=0, site="beta-1"),
    ),
    sensors=(
        (
            Sensor(
                id=0,
                gateway="gw-a",
                tag="lel",
                measurand="GAS_LEL",
                name="罐区可燃气",
                zone="tank",
                period_s=15,
            ),
            None,
        ),
        (Sensor(id=0, gateway="gw-b", tag="lel", measurand="GAS_LEL", zone="saw"), None),
    ),
)

CAST = (
    User(name="admin", password_hash=HASH, role="admin"),
    User(name="olga", password_hash=HASH, role="operator", locale="en"),
    User(name="vera", password_hash=HASH, role="viewer"),
    User(
        name="alice",
        password_hash=HASH,
        role="enterprise",
        scope_kind="enterprise",
        scope_id="alpha",
    ),
    User(name="bob", password_hash=HASH, role="operator", scope_kind="region", scope_id="west"),
    User(name="charlie", password_hash=HASH, role="viewer", scope_kind="site", scope_id="nowhere"),
)
"""Alice owns alpha, Bob watches the town of beta, Charlie's place does not exist."""


@dataclass
class House:
    """The engine and ingest of the tests' process (`api.ports.Live`)."""

    database: Database
    journal: Journal
    directory: Directory
    registry: Registry
    fold: Fold
    feed: Feed
    storing: bool = True
    turning: bool = True
    stored: int = 0
    secrets: dict[str, str] = field(default_factory=dict)
    readings: Counter[int] = field(default_factory=Counter)
    base: str = ""

    # What tests do.

    async def enter(self, kind: EntryKind, payload: bytes) -> Outcome:
        entry = Entry(kind, payload)
        position = await self.journal.append([entry])
        outcome = self.fold.apply(position, entry)
        self.feed.publish(events_of(position, outcome))
        if self.storing:
            batch = ReadingBatch.from_bytes(payload) if kind is EntryKind.BATCH else None
            await commit(
                self.database,
                Commit(
                    journal_id=self.journal.id,
                    after=self.stored,
                    position=position,
                    batches=[]
                    if batch is None or outcome.verdict is None
                    else [(position, batch, outcome.verdict)],
                    transitions=[(position, n, t) for n, t in enumerate(outcome.transitions)],
                    alarms=outcome.alarms,
                    checkpoint=None,
                    entries=[],
                ),
            )
            self.stored = position
        return outcome

    async def reading(self, gateway: str, value: float, *, age_s: float = 0.0) -> Outcome:
        """One reading of a gateway's sensor `lel`, as if it had come just now."""
        payload = b'{"ts": %d, "readings": [{"s": "lel", "v": %f}]}' % (
            (now_us() - int(age_s * SECOND)) // 1000,
            value,
        )
        posted = await self._take(gateway, payload, backfill=False)
        assert not posted[0]
        return posted[1]

    async def tick(self) -> Outcome:
        tick = Tick(now_us() // SECOND * SECOND, listening=True)
        return await self.enter(EntryKind.TICK, tick.to_bytes())

    async def _take(
        self, gateway: str, payload: bytes, *, backfill: bool
    ) -> tuple[list[tuple[str, str]], Outcome]:
        tags = tags_of(self.registry)[gateway]
        builder = BatchBuilder()
        head = decode(payload, tags.tags, now_us(), builder, tags.number, backfill)
        self.readings[tags.number] += head.readings_accepted
        outcome = await self.enter(EntryKind.BATCH, builder.build().to_bytes())
        return [(error.path, error.reason) for error in head.errors], outcome

    @asynccontextmanager
    async def signed_in(
        self, name: str, *, password: str = PASSWORD
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A browser of one of the cast, with session cookie and page token."""
        async with httpx.AsyncClient(base_url=self.base, timeout=10) as client:
            answer = await client.post(
                "/api/v1/auth/session", json={"username": name, "password": password}
            )
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            client.base_url = httpx.URL(self.base + "/api/v1/")
            yield client

    # What the API asks.

    @property
    def stored_position(self) -> Position:
        return Position(self.stored)

    def open_alarms(self) -> list[Alarm]:
        return list(self.fold.state.alarms.values())

    def latest(self) -> Latest:
        newest = self.fold.state.newest
        known = newest.time != NEVER
        return Latest(
            sensor=self.fold.program.sensor[known],
            time=newest.time[known],
            value=newest.value[known],
            quality=newest.quality[known],
            received=newest.received[known],
        )

    def gateway(self, number: int) -> GatewayLive:
        row = self.fold.program.gateways.row(number)
        silent = row >= 0 and bool(self.fold.state.gateways.stale[row])
        readings = self.readings[number]
        return GatewayLive(True, None, None, 0, readings, 0, None, None, (), None, silent)

    def health(self) -> dict[str, Any]:
        return {
            "store": {"available": self.storing, "lag_s": 0.0},
            "broker": {"connected": True, "listening": True},
            "journal": {"lag_readings": 0, "free_mib": 100, "fault": None},
            "turning": self.turning,
            "readings_per_s": 1.0,
            "decision_ms_p50": 1.0,
            "gateways_online": 2,
            "version": "test",
        }

    def unready(self) -> list[str]:
        return [] if self.storing else ["the database is away"]

    async def act(self, act: Act) -> Alarm | Refusal:
        outcome = await self.enter(EntryKind.ACT, act.to_bytes())
        if outcome.refusal is not None:
            return outcome.refusal
        return next(alarm for alarm in outcome.alarms if alarm.id == act.alarm)

    def events(
        self, after: tuple[int, int] | None, *, screen: bool = True
    ) -> AsyncIterator[Event | None]:
        return self.feed.subscribe(after, screen=screen)

    async def registry_changed(self) -> None:
        self.registry = await load_registry(self.database)
        await self.enforce()

    async def enforce(self) -> None:
        wanted = self.registry.configuration()
        change = difference(self.fold.configuration, wanted, at=now_us())
        if change is not None:
            await self.enter(EntryKind.PROGRAM, change.to_bytes())

    async def add_gateway_credentials(self, gateway: str) -> Credentials:
        self.secrets[gateway] = GATEWAY_PASSWORD
        return Credentials(gateway, GATEWAY_PASSWORD)

    async def remove_gateway_credentials(self, gateway: str) -> None:
        self.secrets.pop(gateway, None)

    async def check_gateway_password(self, gateway: str, password: str) -> bool:
        return self.secrets.get(gateway) == password

    async def post_telemetry(
        self, gateway: str, payload: bytes, *, backfill: bool
    ) -> PostedTelemetry:
        if gateway not in self.registry.gateways:
            raise MalformedMessage("unknown gateway")
        errors, _ = await self._take(gateway, payload, backfill=backfill)
        return PostedTelemetry(None, None, tuple(errors))


@asynccontextmanager
async def house(
    dsn: str, folder: Path, *, database_away: bool = False, trusted_proxies: Sequence[str] = ()
) -> AsyncIterator[House]:
    """A house on a migrated, empty database; with `database_away` the app cannot reach it."""
    database = await Database.connect(dsn)
    unreachable = await Database.connect(f"postgresql://nobody@/none?host={folder}/nowhere")
    actor = Actor("test", now_us())
    await add_registry(database, COUNTY, actor=actor)
    for user in CAST:
        await add_user(database, user, actor=actor)
    journal = await open_journal(f"sqlite:///{folder / 'journal.sqlite'}", now_s=now_us() // SECOND)
    await open_epoch(database, journal.id, first_position=journal.first, now=now_us())
    built = House(
        database=database,
        journal=journal,
        directory=Directory(await load_accounts(database, now=now_us())),
        registry=await load_registry(database),
        fold=Fold.empty(),
        feed=Feed(history=history_of(database), origin=journal.last),
        secrets={"gw-a": GATEWAY_PASSWORD},
    )
    await built.enforce()
    if database_away:
        built.database, built.storing = unreachable, False
    app = create_app(
        live=built,
        database=unreachable if database_away else database,
        accounts=built.directory,
        clock=now_us,
        zone=ZoneInfo("Asia/Shanghai"),
        metrics=CollectorRegistry(),
        secure_cookie=False,
        session_us=3600 * SECOND,
        static=_interface(folder),
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        built.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = http_server(app, trusted_proxies=trusted_proxies)
        serving = asyncio.ensure_future(server._serve([listener]))
        try:
            async with asyncio.timeout(10):
                while not server.started:
                    await asyncio.sleep(0.01)
            yield built
        finally:
            end_streams(app)
            server.should_exit = True
            await serving
    await journal.close()
    await database.close()
    await unreachable.close()


def _interface(folder: Path) -> Path:
    """A built interface of two files."""
    static = folder / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>Vedette</title>")
    (static / "assets" / "app-1a2b.js").write_text("export {}\n" * 300)
    return static
