"""The service itself on real PostgreSQL, a real journal and a real fold, without a broker.

It runs on a loop of its own in a thread, built by the very wiring of the service; readings come
in as telemetry over HTTP. Small helpers make plant and people, and wait with a deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from api.passwords import hash_password
from domain.assets import Enterprise, Region, Site, Zone
from service.brokers import foreign_broker
from service.clock import now_us
from service.http import url_of
from service.settings import Settings
from service.ticker import tick
from service.upkeep import notice_edits
from service.wiring import Parts, wire
from store.accounts import Role, User, add_user
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database
from store.registry import ScopeKind

PASSWORD = "a long passphrase"
NOWHERE = "mqtt://127.0.0.1:9"
T = TypeVar("T")
_numbers = itertools.count(1)

COUNTY = NewRegistry(
    regions=(
        Region(id="county", name="青山县", kind="county"),
        Region(id="north", name="北镇", kind="town", parent="county"),
        Region(id="south", name="南园", kind="park", parent="county"),
    ),
    enterprises=(
        Enterprise(id="acme", name="Acme 化工", region="north", industry="chemical"),
        Enterprise(id="bolt", name="Bolt 木业", region="south", industry="wood_dust"),
    ),
    sites=(
        Site(id="acme-1", name="Acme 一厂", enterprise="acme", latitude=30.1, longitude=120.2),
        Site(id="acme-2", name="Acme 二厂", enterprise="acme"),
        Site(id="bolt-1", name="Bolt 一厂", enterprise="bolt"),
    ),
    zones=(
        Zone(id="acme-1-a", name="罐区", site="acme-1", kind="tank"),
        Zone(id="acme-2-a", name="泵房", site="acme-2"),
        Zone(id="bolt-1-a", name="除尘间", site="bolt-1", kind="collector"),
    ),
)
PEOPLE: tuple[tuple[str, Role, ScopeKind, str | None], ...] = (
    ("root", "admin", "all", None),
    ("olga", "operator", "all", None),
    ("vera", "viewer", "all", None),
    ("norah", "operator", "region", "north"),
    ("alice", "enterprise", "enterprise", "acme"),
    ("bob", "operator", "enterprise", "bolt"),
    ("charlie", "viewer", "site", "acme-2"),
)


@dataclass
class Box:
    """A registered gateway, which posts its own telemetry."""

    id: str
    password: str
    url: str
    seq: int = 0
    boot: str = field(default_factory=lambda: f"b{next(_numbers)}")

    def post(self, readings: list[dict[str, Any]], **more: Any) -> httpx.Response:
        self.seq += 1
        now = time.time() * 1000
        body = {"ts": now, "sent": now, "boot": self.boot, "seq": self.seq, "readings": readings}
        return httpx.post(
            f"{self.url}/api/v1/telemetry/{self.id}",
            json=body | more,
            auth=(self.id, self.password),
            timeout=10,
        )

    def send(self, **values: Any) -> None:
        """Readings by tag, of now."""
        answer = self.post([{"s": tag, "v": value} for tag, value in values.items()])
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] is None


@dataclass
class House:
    """The running service."""

    url: str
    dsn: str
    loop: asyncio.AbstractEventLoop
    parts: Parts
    sessions: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the service's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    @contextmanager
    def client(self, name: str | None = None, *, anew: bool = False) -> Iterator[httpx.Client]:
        """A browser: signed in by session, with its page token, unless nobody is.

        Windows of one person share a session; `anew` begins another.
        """
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=15) as client:
            if name in self.sessions and not anew:
                cookies, csrf = self.sessions[name]
                client.cookies.update(cookies)
                client.headers["X-CSRF-Token"] = csrf
            elif name is not None:
                answer = sign_in(client, name)
                assert answer.status_code == 200, answer.text
                if not anew:
                    self.sessions[name] = (dict(client.cookies), answer.json()["csrf"])
            yield client

    def box(self, site: str) -> Box:
        """A new gateway at a site."""
        id_ = f"gw-{next(_numbers)}"
        with self.client("root") as root:
            answer = root.post("/gateways", json={"id": id_, "site": site})
        assert answer.status_code == 201, answer.text
        return Box(id_, answer.json()["mqtt"]["password"], self.url)

    def sensor(self, box: Box, tag: str, **more: Any) -> dict[str, Any]:
        """A gas detector that rings at once: HH 50 latched, H 25."""
        body = {
            "gateway": box.id,
            "tag": tag,
            "measurand": "GAS_LEL",
            "limits": {
                "HH": {"setpoint": 50, "on_delay_s": 0, "off_delay_s": 0, "latch": True},
                "H": {"setpoint": 25, "on_delay_s": 0, "off_delay_s": 0, "latch": False},
            },
        }
        with self.client("root") as root:
            answer = root.post("/sensors", json=body | more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def alarm_of(self, sensor: int, client: httpx.Client) -> dict[str, Any]:
        """The open alarm of a sensor, once there is one."""
        return eventually(lambda: _only(client, sensor))

    def leak(self, site: str, value: float = 30.0) -> tuple[Box, dict[str, Any], dict[str, Any]]:
        """A new gateway with a new detector that rings: box, sensor, alarm."""
        box = self.box(site)
        sensor = self.sensor(box, "lel")
        box.send(lel=value)
        with self.client("root") as root:
            return box, sensor, self.alarm_of(sensor["id"], root)


def sign_in(client: httpx.Client, name: str) -> httpx.Response:
    """Start a session; the client carries its cookie and page token from then on."""
    answer = client.post("/auth/session", json={"username": name, "password": PASSWORD})
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return answer


def _only(client: httpx.Client, sensor: int) -> dict[str, Any] | None:
    items = client.get("/alarms", params={"state": "open", "sensor": sensor}).json()["items"]
    assert len(items) <= 1
    return items[0] if items else None


def eventually(look: Callable[[], T | None], within_s: float = 10.0) -> T:
    """What `look` sees once it sees something; fails after a deadline."""
    end = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def running(dsn: str, data_dir: Path) -> Iterator[House]:
    """The service on a migrated, empty database, until the block ends."""
    asyncio.run(_furnish(dsn))
    built: Future[House] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(dsn, data_dir, built, stop), name="house")
    thread.start()
    try:
        yield built.result(60)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive(), "the service did not stop"


def _run(dsn: str, data_dir: Path, built: Future[House], stop: threading.Event) -> None:
    try:
        asyncio.run(_live(dsn, data_dir, built, stop))
    except BaseException as error:
        if built.done():
            raise
        built.set_exception(error)


async def _live(dsn: str, data_dir: Path, built: Future[House], stop: threading.Event) -> None:
    settings = Settings(
        data_dir=data_dir,
        database_url=SecretStr(dsn),
        mqtt_url=SecretStr(NOWHERE),
        http_port=0,
        time_zone="Asia/Shanghai",
    )
    broker = foreign_broker(NOWHERE, client_id="none", redelivery_s=0.0)
    async with AsyncExitStack() as stack:
        parts = await wire(settings, broker, stack, migrate_first=False)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work)
                for work in (
                    parts.spine.write_journal(),
                    parts.spine.fold_entries(),
                    parts.storer.run(parts.database, parts.begin),
                    parts.ingest.run(),
                    tick(parts.spine, clock=now_us, listening=lambda: True),
                    parts.health.run(),
                    parts.refused.run(parts.database),
                    notice_edits(parts.database, parts.registration, parts.identities, parts.spine),
                )
            ]
            serving = group.create_task(parts.server.serve([parts.listener]))
            while not parts.server.started:
                await asyncio.sleep(0.01)
            loop = asyncio.get_running_loop()
            built.set_result(House(url_of(parts.listener), dsn, loop, parts))
            while not stop.is_set():
                await asyncio.sleep(0.05)
            parts.server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()


async def _furnish(dsn: str) -> None:
    """Plant and people."""
    database = await Database.connect(dsn)
    actor = Actor("test", now_us())
    hashed = hash_password(PASSWORD)
    try:
        await add_registry(database, COUNTY, actor=actor)
        for name, role, kind, node in PEOPLE:
            user = User(name=name, password_hash=hashed, role=role, scope_kind=kind, scope_id=node)
            await add_user(database, user, actor=actor)
    finally:
        await database.close()
