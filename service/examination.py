"""What `vedette doctor` looks at, one finding after the other (`service.findings`)."""

from __future__ import annotations

import asyncio
import resource
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from service import control
from service.broker_examination import (
    NoLogin,
    OwnLogin,
    admits_strangers,
    examine_own_login,
)
from service.brokers import BrokerAccess
from service.clock import now_us
from service.database_examination import LOOPBACK, examine_database
from service.findings import Finding
from service.time_keeping import FRESH_S, clock_keeper
from store.retention import Keep

LEAST_FILES: Final = 8192
LEAST_DISK_MIB: Final = 2048
CERTIFICATE_DAYS: Final = 30
EMBEDDED_USER: Final = "_vedette"
"""The service's user at a broker that `service.embedded` set up."""


async def look(
    *, data_dir: Path, database_url: str, broker: BrokerAccess, keep: Keep
) -> AsyncIterator[Finding]:
    """Look at everything the service stands on, one finding after the other."""
    running = None
    try:
        running = control.find(data_dir)
        yield _service(running)
    except control.NoService as error:
        yield Finding("service_absent", "warn", {"reason": error})
    async for finding in examine_database(database_url, keep):
        yield finding
    async for finding in _broker(broker, running):
        yield finding
    yield _files(running)
    yield _clock()
    yield _disk(data_dir)
    if (certificate := await _certificate(broker)) is not None:
        yield certificate


def _service(running: control.Running) -> Finding:
    try:
        control.call(running, "GET", "/readyz")
    except (control.Refused, control.NoService) as error:
        return Finding("service_unready", "fail", {"reason": error})
    return Finding("service_ready", "ok", {"url": running.url})


async def _broker(broker: BrokerAccess, running: control.Running | None) -> AsyncIterator[Finding]:
    """What a login of our own shows is left out while the service is connected.

    It could take the service's place: see `service.broker_examination`.
    """
    state = "away" if running is None else _session_of(running)
    if state == "away":
        try:
            login = await examine_own_login(broker)
        except NoLogin as error:
            yield Finding("broker_refuses", "fail", {"broker": broker.url, "reason": error})
            return
        yield Finding("broker_reached", "ok", {"broker": broker.url})
        for finding in _own_login(login, broker):
            yield finding
    else:
        if state == "connected":
            yield Finding("broker_in_use", "ok", {"broker": broker.url})
        if broker.username == EMBEDDED_USER:
            yield Finding("broker_embedded", "ok")
        else:
            yield Finding("broker_unexamined", "note")
    if await admits_strangers(broker):
        yield Finding("broker_open", "fail")
    else:
        yield Finding("broker_closed", "ok")


def _session_of(running: control.Running) -> Literal["connected", "away", "unknown"]:
    """What the service says of its session with the broker."""
    try:
        parts = control.call(running, "GET", "/api/v1/health")["parts"]
    except (control.Refused, control.NoService):
        return "unknown"
    broker = next(part for part in parts if part["name"] == "broker")
    return "away" if broker["state"] == "down" else "connected"


def _own_login(login: OwnLogin, broker: BrokerAccess) -> Iterator[Finding]:
    if login.own_session:
        yield Finding("broker_session_met", "note", {"user": broker.username})
        return
    yield (
        Finding("broker_probe", "ok") if login.returns_probe else Finding("broker_no_probe", "fail")
    )
    if login.keeps_session:
        yield Finding("broker_keeps_session", "note")
    else:
        yield Finding("broker_forgets_session", "fail")
    yield (
        Finding("broker_minds_rights", "ok")
        if login.minds_rights
        else Finding("broker_minds_no_rights", "warn")
    )


def _files(running: control.Running | None) -> Finding:
    """Of the running service's process where there is one, else of what is started from here."""
    if running is None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        whose = "here"
    else:
        try:
            soft, hard = _limits_of(running.pid)
        except (OSError, ValueError):
            return Finding("files_unknown", "note", {"pid": running.pid})
        whose = "service"
    if soft == resource.RLIM_INFINITY or soft >= LEAST_FILES:
        return Finding(f"files_enough_{whose}", "ok", {"soft": soft})
    values = {"soft": soft, "hard": hard, "least": LEAST_FILES}
    return Finding(f"files_few_{whose}", "warn", values)


def _limits_of(pid: int) -> tuple[int, int]:
    """Soft and hard limit of open files of another process.

    Raises:
        OSError: it has ended.
        ValueError: the kernel writes it otherwise.
    """
    for line in Path(f"/proc/{pid}/limits").read_text("ascii").splitlines():
        name, _, rest = line.partition("Max open files")
        if not name and rest:
            soft, hard = (
                resource.RLIM_INFINITY if word == "unlimited" else int(word)
                for word in rest.split()[:2]
            )
            return soft, hard
    raise ValueError("no line of open files")


def _clock() -> Finding:
    keeper = clock_keeper(now_us() / 1e6)
    if keeper is None:
        return Finding("clock_unknown", "note")
    values = {"keeper": keeper.name, "hours": round(keeper.age_s / 3600, 1)}
    if keeper.age_s <= FRESH_S:
        return Finding("clock_kept", "ok", values)
    return Finding("clock_left", "warn", values)


def _disk(data_dir: Path) -> Finding:
    place = data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free >> 20
    if free >= LEAST_DISK_MIB:
        return Finding("disk_enough", "ok", {"free": free, "place": place})
    return Finding("disk_short", "fail", {"free": free, "place": place, "least": LEAST_DISK_MIB})


async def _certificate(broker: BrokerAccess) -> Finding | None:
    parts = urlsplit(broker.url)
    if parts.scheme != "mqtts":
        local = parts.hostname in LOOPBACK
        return None if local else Finding("broker_plain", "warn", {"broker": broker.url})
    context = ssl.create_default_context(cafile=broker.ca_file)
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
