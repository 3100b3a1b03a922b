"""What `vedette doctor` looks at, and how to mend what it finds.

Each check gives one finding; texts are data in `service/findings.toml`, in zh-CN and en.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import ssl
import time
import tomllib
import urllib.error
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ingest.examination import examine
from service import control
from service.brokers import BrokerAccess
from service.clock import now_us
from store.database import Database, DatabaseUnavailable
from store.migrate import MigrationChanged, SchemaNewer, pending
from store.status import server_status

State = Literal["ok", "warn", "fail"]
LEAST_FILES: Final = 8192
LEAST_DISK_MIB: Final = 2048
CLOCK_SLACK_US: Final = 2_000_000
CERTIFICATE_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `code` names its texts."""

    code: str
    state: State
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, locale: str) -> str:
        """What was found and, unless it is well, how to mend it."""
        texts = _texts()[self.code]
        return str(texts[locale]).format(**self.values)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("service").joinpath("findings.toml").read_text("utf-8"))


async def look(
    *, data_dir: Path, database_url: str, broker: BrokerAccess, ca_file: Path | None
) -> AsyncIterator[Finding]:
    """Look at everything the service stands on, one finding after the other."""
    yield _service(data_dir)
    async for finding in _database(database_url):
        yield finding
    async for finding in _broker(broker):
        yield finding
    yield _files()
    yield _disk(data_dir)
    if (certificate := await _certificate(broker, ca_file)) is not None:
        yield certificate


def _service(data_dir: Path) -> Finding:
    try:
        running = control.find(data_dir)
        ready = control.call(running, "GET", "/readyz")
    except control.Refused as error:
        return Finding("service_unready", "fail", {"reason": str(error)})
    except (control.NoService, urllib.error.URLError):
        return Finding("service_absent", "warn", {"data_dir": data_dir})
    del ready
    return Finding("service_ready", "ok", {"url": running.url})


async def _database(url: str) -> AsyncIterator[Finding]:
    database = await Database.connect(url, max_connections=1)
    try:
        asked = now_us()
        status = await server_status(database)
        answered = now_us()
        yield Finding("database_reached", "ok", {"version": status.version})
        yield Finding(
            "timescale" if status.timescale else "plain_postgresql",
            "ok",
            {"version": status.timescale, "licence": status.timescale_licence},
        )
        skew = status.now - (asked + answered) // 2
        code: State = "ok" if abs(skew) <= CLOCK_SLACK_US else "warn"
        yield Finding(f"database_clock_{code}", code, {"seconds": round(skew / 1e6, 1)})
        missing = await pending(database)
        if missing:
            yield Finding("schema_old", "warn", {"count": len(missing)})
        else:
            yield Finding("schema_current", "ok")
    except DatabaseUnavailable as error:
        yield Finding("database_unavailable", "fail", {"reason": str(error)})
    except (SchemaNewer, MigrationChanged) as error:
        yield Finding("schema_foreign", "fail", {"reason": str(error)})
    finally:
        await database.close()


async def _broker(broker: BrokerAccess) -> AsyncIterator[Finding]:
    seen = await examine(broker.url, username=broker.username, password=broker.password)
    if seen.fault is not None:
        yield Finding("broker_refuses", "fail", {"broker": broker.url, "reason": seen.fault})
        return
    yield Finding("broker_reached", "ok", {"broker": broker.url})
    if seen.admits_strangers:
        yield Finding("broker_open", "fail")
    else:
        yield Finding("broker_closed", "ok")
    if seen.returns_probe:
        yield Finding("broker_probe", "ok")
    else:
        yield Finding("broker_no_probe", "fail")


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= LEAST_FILES:
        return Finding("files_enough", "ok", {"soft": soft})
    return Finding("files_few", "warn", {"soft": soft, "hard": hard, "least": LEAST_FILES})


def _disk(data_dir: Path) -> Finding:
    place = data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free >> 20
    if free >= LEAST_DISK_MIB:
        return Finding("disk_enough", "ok", {"free": free, "place": place})
    return Finding("disk_short", "fail", {"free": free, "place": place, "least": LEAST_DISK_MIB})


async def _certificate(broker: BrokerAccess, ca_file: Path | None) -> Finding | None:
    parts = urlsplit(broker.url)
    if parts.scheme != "mqtts":
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        return None if local else Finding("broker_plain", "warn", {"broker": broker.url})
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(parts.hostname, parts.port or 8883, ssl=context), 5.0
        )
    except (OSError, TimeoutError) as error:
        return Finding("certificate_bad", "fail", {"reason": str(error)})
    certificate = writer.get_extra_info("peercert")
    writer.close()
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86_400)
    if days < CERTIFICATE_DAYS:
        return Finding("certificate_ends", "warn", {"days": days})
    return Finding("certificate_good", "ok", {"days": days})
