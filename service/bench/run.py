"""One run of the bench: the four measurements, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from service.bench.measures import (
    as_result,
    cpu_now,
    drive,
    layer_alone,
    metrics,
    naive,
    order_of,
    percentiles_ms,
    stages,
    stored_messages,
)
from service.bench.scene import (
    EMBEDDED,
    bench_directory,
    cast_of,
    fresh_broker,
    registered_database,
    service_process,
)

WARM_UP_S: Final = 3.0
LAYER_S: Final = 10.0
NAIVE_S: Final = 8.0
LATENCY_S: Final = 10.0
NAIVE_SCRIPT: Final = Path(__file__).parents[2] / "benchmarks" / "naive_loop.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to measure. `mosquitto` is a program to run instead of the installed one."""

    broker: str = EMBEDDED
    """`embedded`, `mosquitto`, or the URL of a broker that others run."""
    ca_file: Path | None = None
    """Authorities (PEM) that may sign its certificate, for mqtts; None: the machine's."""
    readings_per_message: int = 20
    seconds: float = 60.0
    gateways: int = 50
    sensors: int = 5000
    latency_rate: float = 500.0
    """Messages a second of the latency measurement."""
    place: Path | None = None
    """Directory on whose disk to measure; None: the machine's temporary one."""


async def run_bench(options: BenchOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; `say` is told what is going on. The keys are those of the contract."""
    per_message = options.readings_per_message
    cast = cast_of(options.gateways, options.sensors, options.broker, options.ca_file)
    async with bench_directory(options.place) as directory:
        say("the MQTT layer alone")
        async with fresh_broker(directory, options.broker, cast) as broker:
            alone = await layer_alone(cast, broker, seconds=LAYER_S, per_message=per_message)
        say(f"  {alone.per_s:,.0f} messages/s; registering {options.sensors} sensors")
        async with registered_database(directory, cast) as server:
            naive_per_s = None
            if NAIVE_SCRIPT.exists():
                say("the naive loop")
                async with fresh_broker(directory, options.broker, cast) as broker:
                    naive_per_s = await naive(
                        NAIVE_SCRIPT, cast, broker, server, per_message=per_message, seconds=NAIVE_S
                    )
            async with (
                fresh_broker(directory, options.broker, cast) as broker,
                service_process(directory, server, broker) as (running, process),
            ):
                stored = stored_messages(running, per_message)
                everything = [os.getpid()]
                say(f"latency at {options.latency_rate:g} messages/s")
                before: dict[str, float] = {}
                for seconds in (WARM_UP_S, LATENCY_S):
                    before = await metrics(running)
                    order = order_of(
                        cast, broker, seconds=seconds, per_message=per_message,
                        rate=options.latency_rate,
                    )  # fmt: skip
                    await drive(order, stored)
                latency = percentiles_ms(before, await metrics(running))
                say(f"the whole service for {options.seconds:g} s")
                before = await metrics(running)
                began = cpu_now(process.pid, everything)
                order = order_of(
                    cast, broker, seconds=options.seconds, per_message=per_message, rate=None
                )
                flow = await drive(order, stored)
                ended = cpu_now(process.pid, everything)
                busy = stages(before, await metrics(running))
    return as_result(
        {
            "broker": options.broker.rpartition("@")[2],
            "readings_per_message": per_message,
            "messages_per_s": flow.per_s,
            "readings_per_s": flow.per_s * per_message,
            "broker_messages_per_s": alone.per_s,
            "share_of_broker": flow.per_s / alone.per_s,
            "naive_messages_per_s": naive_per_s,
            "cpu_us_per_message": {
                "service": round(1e6 * (ended.service - began.service) / flow.published, 2),
                "all": round(1e6 * (ended.all - began.all) / flow.published, 2),
            },
            "stages": busy,
            "latency_rate": options.latency_rate,
            "latency_ms": latency,
            "published": flow.published_readings,
            "stored": flow.consumed * per_message,
            "store_lag_s": flow.lag_s,
            "seconds": flow.seconds,
            "sensors": options.sensors,
        }
    )
