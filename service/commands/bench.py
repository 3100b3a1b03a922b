"""`vedette bench`: end-to-end throughput and latency on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from service.bench.given import GivenBroker
from service.bench.run import BenchOptions, run_bench
from service.bench.scene import EMBEDDED, MOSQUITTO
from service.brokers import WrongBrokerUrl
from service.commands.base import app, fail, failing_on
from service.embedded import AlreadyRunning, NoAccount, NoPlace, ServerFailed


@app.command("bench")
def bench_command(
    broker: Annotated[
        str, typer.Option(help="embedded, mosquitto, or mqtt://user:password@host:port.")
    ] = "embedded",
    readings_per_message: Annotated[
        int, typer.Option("--readings-per-message", min=1, max=500, help="Readings a message.")
    ] = 20,
    seconds: Annotated[float, typer.Option(min=2, help="Length of the main measurement (s).")] = 60,
    sensors: Annotated[int, typer.Option(min=50, help="Sensors, four limits each.")] = 5000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object only.")] = False,
) -> None:
    """Measure the whole path with a real broker and database; exit code 1 if readings are missing."""
    if broker not in {EMBEDDED, MOSQUITTO}:
        try:
            GivenBroker(broker)
        except WrongBrokerUrl:
            fail(
                f"--broker {broker}: give embedded, mosquitto or mqtt://user:password@host:port",
                code=2,
            )
    console = Console(stderr=True, highlight=False)
    options = BenchOptions(
        broker=broker,
        readings_per_message=readings_per_message,
        seconds=seconds,
        sensors=sensors,
    )
    with failing_on(ServerFailed, AlreadyRunning, NoAccount, NoPlace):
        result = uvloop.run(run_bench(options, console.print))
    if as_json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:<24} {value}")
    if result["stored"] != result["published"]:
        raise typer.Exit(1)
