"""How much memory the service takes in the long run.

    python benchmarks/bench_memory.py [--seconds 600] [--sensors 10000] [--rate 2000] [--json]

The real house: `vedette run` as a process of its own, the embedded PostgreSQL and the embedded
broker, gateways that publish 20 readings a message, every sensor with four limits, and one screen
with the live stream of all values open. The resident memory (VmRSS) of the service alone is read
from /proc every 5 s. The slope is the least-squares line after the first two minutes, when the
start's caches are filled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from service import control
from service.bench.measures import order_of, stored_messages
from service.bench.scene import (
    EMBEDDED,
    bench_directory,
    cast_of,
    fresh_broker,
    helper_process,
    registered_database,
    service_process,
)

GATEWAYS: Final = 50
PER_MESSAGE: Final = 20
EVERY_S: Final = 5.0
SETTLED_S: Final = 120.0
"""Where the slope begins: what grows before is the start."""
CATCH_UP_S: Final = 5.0
TARGET_MIB: Final = 400.0


def main() -> None:
    options = argparse.ArgumentParser(description="Memory of the service under a steady load.")
    options.add_argument("--seconds", type=float, default=600.0, help="length of the load (s)")
    options.add_argument("--sensors", type=int, default=10_000)
    options.add_argument("--rate", type=float, default=2000.0, help="readings a second")
    options.add_argument("--json", action="store_true", help="print one JSON object only")
    given = options.parse_args()
    result = asyncio.run(measure(given.seconds, given.sensors, given.rate, quiet=given.json))
    print(json.dumps(result) if given.json else as_text(result))


async def measure(seconds: float, sensors: int, rate: float, *, quiet: bool) -> dict[str, Any]:
    """Load the house for `seconds` and read the memory of the service meanwhile."""
    cast = cast_of(GATEWAYS, sensors, EMBEDDED)
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(bench_directory())
        server = await stack.enter_async_context(registered_database(directory, cast))
        broker = await stack.enter_async_context(fresh_broker(directory, EMBEDDED, cast))
        running, process = await stack.enter_async_context(
            service_process(directory, server, broker)
        )
        await stack.enter_async_context(screen(running))
        stored = stored_messages(running, PER_MESSAGE)
        order = order_of(
            cast, broker, seconds=seconds, per_message=PER_MESSAGE, rate=rate / PER_MESSAGE
        )
        publisher = await stack.enter_async_context(
            helper_process("service.bench.publisher", msgspec.json.encode(order))
        )
        samples = await sample(process, publisher, quiet=quiet)
        assert publisher.stdout is not None
        published = int(json.loads(await publisher.stdout.readline())["published"])
        await asyncio.sleep(CATCH_UP_S)
        count = await stored()
    return summary(samples) | {
        "sensors": sensors,
        "limits": 4 * sensors,
        "readings_per_s": rate,
        "seconds": seconds,
        "published": published * PER_MESSAGE,
        "stored": count * PER_MESSAGE,
        "load_average": os.getloadavg(),
    }


async def sample(process: Process, publisher: Process, *, quiet: bool) -> list[tuple[float, float]]:
    """(seconds since the start, MiB) every five seconds, until the publisher has ended."""
    begun = time.monotonic()
    samples = []
    ended = asyncio.ensure_future(publisher.wait())
    while not ended.done():
        samples.append((round(time.monotonic() - begun, 1), round(resident_mib(process.pid), 1)))
        if not quiet and len(samples) % 6 == 1:
            print(f"{samples[-1][0]:6.0f} s {samples[-1][1]:7.1f} MiB", file=sys.stderr, flush=True)
        await asyncio.wait({ended}, timeout=EVERY_S)
    return samples


def resident_mib(pid: int) -> float:
    """VmRSS of a process (MiB)."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    row = next(line for line in lines if line.startswith("VmRSS:"))
    return int(row.split()[1]) / 1024


@asynccontextmanager
async def screen(running: control.Running) -> AsyncIterator[None]:
    """A screen that reads the live stream, all values included, and keeps nothing of it."""
    async with httpx.AsyncClient(
        base_url=running.url, headers={"Authorization": f"Bearer {running.token}"}, timeout=None
    ) as client:
        address = "/api/v1/stream?latest=all"

        async def watch() -> None:
            async with client.stream("GET", address) as stream:
                stream.raise_for_status()
                async for _ in stream.aiter_raw():
                    pass

        watching = asyncio.ensure_future(watch())
        try:
            yield
        finally:
            if watching.done():
                watching.result()
            watching.cancel()


def summary(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """First, last, most, and the slope of the settled part (MiB; MiB a minute)."""
    seconds, mib = np.array(samples).T
    settled = seconds >= SETTLED_S
    slope = None
    if settled.sum() >= 3:
        slope = round(60 * float(np.polyfit(seconds[settled], mib[settled], 1)[0]), 3)
    return {
        "first_mib": mib[0],
        "last_mib": mib[-1],
        "max_mib": mib.max(),
        "slope_mib_per_min": slope,
        "target_mib": TARGET_MIB,
        "samples": samples,
    }


def as_text(result: dict[str, Any]) -> str:
    slope = result["slope_mib_per_min"]
    grown = "too short for a slope" if slope is None else f"{slope:+.2f} MiB/min after 2 min"
    return (
        f"{result['sensors']} sensors with four limits, {result['readings_per_s']:g} readings/s "
        f"for {result['seconds']:g} s; load average {result['load_average'][0]:.1f}\n"
        f"first {result['first_mib']:.1f} MiB, last {result['last_mib']:.1f} MiB, "
        f"max {result['max_mib']:.1f} MiB (target {result['target_mib']:g}), {grown}\n"
        f"published {result['published']} readings, stored {result['stored']}"
    )


if __name__ == "__main__":
    main()
