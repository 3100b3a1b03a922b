"""The four measurements of a bench."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from service import control
from service.bench.given import BenchBroker
from service.bench.layer import Login
from service.bench.processes import cpu_s
from service.bench.publisher import Order
from service.bench.scene import Cast, helper_process
from service.embedded import PostgresServer
from service.latency import EDGES_S

POLL_S: Final = 0.2
"""How often the consumer is asked while publishing. Asking costs it: the service's answer is a page
of metrics, and 20 a second took a twentieth of its CPU."""
LAST_POLL_S: Final = 0.025
"""... and after the last publish, where the delay is a figure."""
AHEAD_S: Final = 2.0
"""How far the publisher may be ahead of the consumer, in seconds of the present pace."""
AHEAD_LEAST: Final = 4000
"""... and in messages, at least: what lets the pace grow."""
CATCH_UP_S: Final = 5.0
NAIVE_RATE: Final = 6000.0
"""Messages a second offered to the naive loop; more than it can take."""

Consumed = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through in one measurement. Counts are messages unless they say readings."""

    published: int
    published_readings: int
    consumed: int
    seconds: float
    """From the first publish to the last consumption, or to the end of the wait for it."""
    lag_s: float
    """How long after the last publish the last message was consumed."""

    @property
    def per_s(self) -> float:
        return self.consumed / self.seconds


def order_of(
    cast: Cast, broker: BenchBroker, *, seconds: float, per_message: int, rate: float | None
) -> Order:
    return Order(
        broker=broker.url,
        ca_file=cast.ca_file,
        user=cast.user,
        passwords=cast.passwords,
        tags=cast.tags,
        seconds=seconds,
        readings_per_message=per_message,
        rate=rate,
        paced=rate is None,
        boot=f"bench-{time.time_ns() // 1_000_000}",
    )


async def drive(order: Order, consumed: Consumed) -> Flow:
    """Publish as fast as the consumer takes (or at the order's rate), then wait for the rest."""
    async with helper_process("service.bench.publisher", msgspec.json.encode(order)) as publisher:
        assert publisher.stdin is not None
        assert publisher.stdout is not None
        reading = asyncio.ensure_future(publisher.stdout.readline())
        begun = time.monotonic()
        base = await consumed()
        marks = [(begun, 0)]
        while not reading.done():
            taken = await consumed() - base
            now = time.monotonic()
            marks = [mark for mark in marks if mark[0] > now - 1.0] + [(now, taken)]
            if order.paced:
                pace = (taken - marks[0][1]) / max(now - marks[0][0], POLL_S)
                ahead = max(AHEAD_LEAST, int(pace * AHEAD_S))
                if not publisher.stdin.is_closing():
                    publisher.stdin.write(b"%d\n" % (taken + ahead))
            await asyncio.wait({reading}, timeout=POLL_S)
        report = json.loads(await reading)
        last_sent = report["last_sent_ms"] / 1000
        taken = await consumed() - base
        deadline = last_sent + CATCH_UP_S
        while taken < report["published"] and time.time() < deadline:
            await asyncio.sleep(LAST_POLL_S)
            taken = await consumed() - base
        end = time.time()
        return Flow(
            published=report["published"],
            published_readings=report["readings"],
            consumed=taken,
            seconds=end - report["first_sent_ms"] / 1000,
            lag_s=max(0.0, end - last_sent),
        )


async def layer_alone(cast: Cast, broker: BenchBroker, *, seconds: float, per_message: int) -> Flow:
    """Ingest's own MQTT layer with the rest cut off."""
    login = broker.service
    order = msgspec.json.encode(
        Login(
            url=broker.url,
            username=login.username,
            password=login.password,
            client_id=login.client_id,
            ca_file=cast.ca_file,
        )
    )
    async with helper_process("service.bench.layer", order) as layer:
        counter = _Counter(layer)
        await counter.first()
        await broker.admit_gateways()
        flow = await drive(
            order_of(cast, broker, seconds=seconds, per_message=per_message, rate=None),
            counter.newest,
        )
        counter.close()
        return flow


class _Counter:
    """The newest of the numbers that a process prints."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self._output = process.stdout
        self._count = 0
        self._begun = asyncio.Event()
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while line := await self._output.readline():
            self._count = int(line)
            self._begun.set()

    async def first(self) -> None:
        async with asyncio.timeout(30):
            await self._begun.wait()

    async def newest(self) -> int:
        return self._count

    def close(self) -> None:
        self._task.cancel()


async def naive(
    script: Path,
    cast: Cast,
    broker: BenchBroker,
    server: PostgresServer,
    *,
    per_message: int,
    seconds: float,
) -> float:
    """Messages a second of the naive loop."""
    login = broker.service
    user, word = quote(login.username, safe=""), quote(login.password, safe="")
    await broker.admit_gateways()
    authorities = () if cast.ca_file is None else ("--ca-file", cast.ca_file)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), *authorities,
        "--broker", broker.url.replace("://", f"://{user}:{word}@", 1),
        "--database", server.dsn,
        "--seconds", str(seconds),
        stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    await process.stdout.readline()  # it has subscribed
    order = order_of(
        cast, broker, seconds=seconds, per_message=per_message, rate=NAIVE_RATE / per_message**0.5
    )
    async with helper_process("service.bench.publisher", msgspec.json.encode(order)):
        said = json.loads(await process.stdout.readline())
    await process.wait()
    return float(said["messages_per_s"])


async def metrics(running: control.Running) -> dict[str, float]:
    """The service's own figures, by name with labels."""
    text = await asyncio.to_thread(control.metrics_text, running)
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def stored_messages(running: control.Running, per_message: int) -> Consumed:
    async def stored() -> int:
        return int((await metrics(running))["vedette_readings_stored_total"]) // per_message

    return stored


def percentiles_ms(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """p50, p99 and max of publish-to-commit between two scrapes; a bin is 20 % wide."""
    counts = []
    running = 0.0
    for edge in EDGES_S:
        name = f'vedette_commit_seconds_bucket{{le="{edge:.6g}"}}'
        total = after.get(name, 0.0) - before.get(name, 0.0)
        counts.append(total - running)
        running = total
    if not running:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    wanted = {"p50": 0.5 * running, "p99": 0.99 * running, "max": running}
    found: dict[str, float] = {}
    for name, rank in wanted.items():
        seen = 0.0
        for edge, count in zip(EDGES_S, counts, strict=True):
            seen += count
            if seen >= rank - 1e-9:
                found[name] = round(float(edge) * 1000, 2)
                break
    return found


def stages(before: dict[str, float], after: dict[str, float]) -> dict[str, dict[str, float]]:
    """For each stage: how often it ran, and its mean and share of the time between two scrapes."""
    found: dict[str, dict[str, float]] = {}
    for stage in ("journal", "fold", "commit"):
        label = f'{{stage="{stage}"}}'
        count, total = (
            after.get(f"vedette_stage_seconds_{kind}{label}", 0.0)
            - before.get(f"vedette_stage_seconds_{kind}{label}", 0.0)
            for kind in ("count", "sum")
        )
        mean_ms = round(1000 * total / count, 3) if count else 0.0
        found[stage] = {"runs": count, "mean_ms": mean_ms, "busy_s": round(total, 2)}
    return found


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time of the service and of everything (s)."""

    service: float
    all: float


def cpu_now(service: int, everything: list[int]) -> Cpu:
    return Cpu(cpu_s([service]), cpu_s(everything))


def as_result(values: dict[str, Any]) -> dict[str, Any]:
    """Rounded for people; JSON keeps numbers."""
    return {
        key: round(value, 2) if isinstance(value, float) else value for key, value in values.items()
    }
