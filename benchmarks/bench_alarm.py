"""How long from a message to an open alarm: in the API, on the live stream, in Chromium.

    python benchmarks/bench_alarm.py [--samples 200] [--rate 2000] [--json]

The real house: `vedette demo --no-simulate` (PostgreSQL, embedded broker, service) under a steady
background load of 20 readings a message; a new gateway is added over the API, with one gas sensor
whose HH has no on-delay; the messages leave through `mosquitto_pub` with that gateway's own
credentials. Each sample is an episode of its own: over the limit, open everywhere, acknowledged,
back under the limit, closed. Between two samples a random pause, so that no sample is in step with
anything that has a period.

Two ways, both reported. `kept`: one `mosquitto_pub -l` that stays connected; the clock starts right
before the line is handed to it. `fresh`: a `mosquitto_pub -m` for every sample; the clock starts
before the process does, so its start, connection and sign-in are in the figure.

The clock stops when: the answer of `GET /alarms?state=open` that holds it has been read (asked
again 2 ms after each answer); the event has been read from `GET /stream`; a MutationObserver in the
alarm desk has seen its row in the document (`performance.timeOrigin + performance.now()`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import numpy as np
from httpx_sse import aconnect_sse
from playwright.async_api import Page, async_playwright

from service import control
from service.bench.measures import metrics
from service.bench.publisher import Order
from service.bench.scene import bench_directory, helper_process

Way = Literal["kept", "fresh"]
WAYS: Final[tuple[Way, ...]] = ("kept", "fresh")
PASSWORD: Final = "correct horse 7 battery"
SITE: Final = "site-1"
"""The site that the empty demo begins with."""
GATEWAYS: Final = 20
SENSORS: Final = 20
WARM_UP: Final = 5
"""Samples that are not counted."""
PAUSE_S: Final = (0.05, 0.25)
READY_S: Final = 90.0
WITHIN_S: Final = 10.0
TARGET_MS: Final = {"p50": 100.0, "p99": 300.0}
LIMITS: Final = {
    level: limit | {"on_delay_s": 0, "off_delay_s": 0, "latch": False}
    for level, limit in {
        "HH": {"setpoint": 50.0, "deadband": 2.0},
        "H": {"setpoint": 25.0, "deadband": 2.0},
        "L": {"setpoint": 1.0, "deadband": 0.1},
        "LL": {"setpoint": 0.5, "deadband": 0.1},
    }.items()
}
WATCH_ROWS: Final = """() => {
  const at = new Map(), waiting = new Map()
  const look = () => {
    const now = performance.timeOrigin + performance.now()
    for (const row of document.querySelectorAll('.alarm-row')) {
      if (at.has(row.id)) continue
      at.set(row.id, now)
      waiting.get(row.id)?.(now)
    }
  }
  new MutationObserver(look).observe(document.body,
    { subtree: true, childList: true, attributes: true, attributeFilter: ['id'] })
  window.rowSeen = (id) => at.has(id) ? at.get(id) : new Promise((done) => waiting.set(id, done))
}"""


@dataclass(frozen=True, slots=True)
class Box:
    """The new gateway: its sign-in and its sensor."""

    name: str
    password: str
    sensor: int
    mqtt_port: int

    def command(self, *options: str) -> list[str]:
        return [
            "mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.mqtt_port), "-q", "1",
            "-u", self.name, "-P", self.password, "-t", f"vedette/v1/{self.name}/telemetry",
            *options,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds from the message to each place."""

    api: float
    stream: float
    dom: float


def main() -> None:
    options = argparse.ArgumentParser(description="From a message to an open alarm.")
    options.add_argument("--samples", type=int, default=200, help="of each way")
    options.add_argument("--rate", type=float, default=2000.0, help="background readings a second")
    options.add_argument("--json", action="store_true", help="print one JSON object only")
    given = options.parse_args()
    for program in ("mosquitto_pub", "chromium"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (Debian: mosquitto-clients, chromium)")
    result = asyncio.run(measure(given.samples, given.rate))
    print(json.dumps(result) if given.json else as_text(result))


async def measure(samples: int, rate: float) -> dict[str, Any]:
    """Both ways, in the same house under the same load."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(demo())
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=running.url + "/api/v1",
                headers={"Authorization": f"Bearer {running.token}"},
                timeout=WITHIN_S,
            )
        )
        port = urlsplit(running.mqtt_url).port
        assert port is not None
        order = await load_order(http, port, rate)
        publisher = await stack.enter_async_context(
            helper_process("service.bench.publisher", msgspec.json.encode(order))
        )
        box = await new_box(http, port)
        page = await stack.enter_async_context(desk(running))
        stream = await stack.enter_async_context(followed(running))
        results: dict[str, Any] = {}
        begun, before = time.monotonic(), await stored(running)
        for way in WAYS:
            async with spoken(box, way) as say:
                taken = [
                    await one_sample(http, stream, page, box, say) for _ in range(WARM_UP + samples)
                ]
            results[way] = {
                place: percentiles([getattr(sample, place) for sample in taken[WARM_UP:]])
                for place in ("api", "stream", "dom")
            }
        background = (await stored(running) - before) / (time.monotonic() - begun)
        skew = await page.evaluate("Date.now() - performance.timeOrigin - performance.now()")
        assert publisher.returncode is None, "the background load ended before the samples"
    return {
        "samples": samples,
        "background_readings_per_s": round(background),
        "ms": results,
        "target_ms": TARGET_MS,
        "browser_clock_skew_ms": round(skew, 2),
        "load_average": os.getloadavg(),
    }


@asynccontextmanager
async def demo() -> AsyncIterator[control.Running]:
    """The empty demo on free ports, in a directory of its own."""
    async with bench_directory() as directory:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service", "demo", "--no-simulate",
            "--port", "0", "--mqtt-port", "0", "--data-dir", str(directory),
            env={**os.environ, "VEDETTE_ADMIN_PASSWORD": PASSWORD},
            stdin=DEVNULL, stdout=PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                while not (line := await process.stdout.readline()).startswith(b"ready "):
                    assert line, "the demo ended before it was ready"
            yield control.find(directory)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def stored(running: control.Running) -> float:
    """Readings in the database since the service began."""
    return (await metrics(running))["vedette_readings_stored_total"]


async def added(http: httpx.AsyncClient, noun: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post(f"/{noun}", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def add_sensor(http: httpx.AsyncClient, gateway: str, tag: str) -> int:
    sensor = {"gateway": gateway, "tag": tag, "measurand": "GAS_LEL", "limits": LIMITS}
    return int((await added(http, "sensors", sensor))["id"])


async def load_order(http: httpx.AsyncClient, port: int, rate: float) -> Order:
    """Register the gateways of the background load, and say what they publish."""
    passwords, tags = {}, {}
    for k in range(GATEWAYS):
        name = f"load-{k:02d}"
        gateway = await added(http, "gateways", {"id": name, "site": SITE})
        passwords[name] = gateway["mqtt"]["password"]
        tags[name] = [f"p{n:02d}" for n in range(SENSORS)]
        for tag in tags[name]:
            await add_sensor(http, name, tag)
    return Order(
        broker=f"mqtt://127.0.0.1:{port}", passwords=passwords, tags=tags, seconds=3600.0,
        readings_per_message=SENSORS, rate=rate / SENSORS,
    )  # fmt: skip


async def new_box(http: httpx.AsyncClient, port: int) -> Box:
    """A gateway that did not exist a moment ago."""
    gateway = await added(http, "gateways", {"id": "box", "site": SITE})
    return Box("box", gateway["mqtt"]["password"], await add_sensor(http, "box", "lel"), port)


@asynccontextmanager
async def desk(running: control.Running) -> AsyncIterator[Page]:
    """Chromium, signed in, with the alarm desk open and its rows watched."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        try:
            page = await browser.new_page(locale="zh-CN")
            await page.goto(running.url + "/alarms")
            await page.get_by_label("用户名").fill("admin")
            await page.get_by_label("密码").fill(PASSWORD)
            await page.get_by_role("button", name="登录").click()
            await page.get_by_role("grid").wait_for()
            await page.evaluate(WATCH_ROWS)
            yield page
        finally:
            await browser.close()


class Stream:
    """Alarm events as they come, each with the time at which it was read (s UTC)."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self._events: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()

    async def follow(self, running: control.Running) -> None:
        headers = {"Authorization": f"Bearer {running.token}"}
        async with (
            httpx.AsyncClient(base_url=running.url, headers=headers, timeout=None) as client,
            aconnect_sse(client, "GET", "/api/v1/stream?latest=none") as source,
        ):
            async for event in source.aiter_sse():
                self.open.set()
                if event.event == "alarm":
                    self._events.put_nowait((time.time(), json.loads(event.data)))

    async def next(self, sensor: int, state: str) -> tuple[float, str]:
        """When the next event that puts an alarm of the sensor in this state came, and its id."""
        while True:
            at, event = await self._events.get()
            alarm = event["alarm"]
            if alarm["sensor"] and alarm["sensor"]["id"] == sensor and event["to"] == state:
                return at, alarm["id"]


@asynccontextmanager
async def followed(running: control.Running) -> AsyncIterator[Stream]:
    stream = Stream()
    following = asyncio.ensure_future(stream.follow(running))
    try:
        async with asyncio.timeout(WITHIN_S):
            await stream.open.wait()
        yield stream
    finally:
        following.cancel()


Say = Callable[[bytes], Any]


@asynccontextmanager
async def spoken(box: Box, way: Way) -> AsyncIterator[Say]:
    """How one message leaves: through the process that is kept, or through a fresh one."""

    async def through_fresh(payload: bytes) -> None:
        process = await asyncio.create_subprocess_exec(*box.command("-m", payload.decode()))
        assert await process.wait() == 0, "mosquitto_pub failed"

    if way == "fresh":
        yield through_fresh
        return
    kept = await asyncio.create_subprocess_exec(*box.command("-l"), stdin=PIPE)
    assert kept.stdin is not None

    async def through_kept(payload: bytes) -> None:
        _send(kept, payload)

    try:
        yield through_kept
    finally:
        kept.stdin.close()
        await kept.wait()


def _send(process: Process, payload: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(payload + b"\n")


def message(value: float) -> bytes:
    now = time.time_ns() // 1_000_000
    return json.dumps({"ts": now, "sent": now, "readings": [{"s": "lel", "v": value}]}).encode()


async def one_sample(
    http: httpx.AsyncClient, stream: Stream, page: Page, box: Box, say: Say
) -> Sample:
    """One episode, from normal to normal."""
    await asyncio.sleep(random.uniform(*PAUSE_S))
    over = message(60.0)
    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        begun = time.time()
        asked = group.create_task(open_in_api(http, box.sensor))
        group.create_task(say(over))
        streamed, alarm = await stream.next(box.sensor, "unacknowledged")
        shown = await page.evaluate("id => window.rowSeen(id)", f"row-{alarm}")
    answered, listed = asked.result()
    assert listed == alarm, "the API showed another alarm"
    answer = await http.post(f"/alarms/{alarm}/acknowledge", json={"note": "bench"})
    assert answer.status_code == 200, answer.text
    async with asyncio.timeout(WITHIN_S):
        await say(message(5.0))
        await stream.next(box.sensor, "normal")
    return Sample(1e3 * (answered - begun), 1e3 * (streamed - begun), shown - 1e3 * begun)


async def open_in_api(http: httpx.AsyncClient, sensor: int) -> tuple[float, str]:
    """When the list of open alarms had one of this sensor, and its id."""
    while True:
        answer = await http.get("/alarms", params={"state": "open", "sensor": sensor})
        at = time.time()
        if items := answer.raise_for_status().json()["items"]:
            return at, items[0]["id"]
        await asyncio.sleep(0.002)


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, (50, 99)).tolist()
    return {"p50": round(p50, 1), "p99": round(p99, 1), "max": round(max(values), 1)}


def as_text(result: dict[str, Any]) -> str:
    head = (
        f"{result['samples']} samples each way, {result['background_readings_per_s']:g} readings/s "
        f"in the background, load average {result['load_average'][0]:.1f}; "
        f"target p50 < {TARGET_MS['p50']:g} ms, p99 < {TARGET_MS['p99']:g} ms"
    )
    lines = [head]
    for way, places in result["ms"].items():
        for place, ms in places.items():
            lines.append(
                f"{way:5s} {place:6s} p50 {ms['p50']:6.1f}  p99 {ms['p99']:6.1f}  "
                f"max {ms['max']:6.1f} ms"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
