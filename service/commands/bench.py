"""`vedette bench`: end-to-end throughput and latency on this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from service import control
from service.bench.given import GivenBroker
from service.bench.run import BenchOptions, run_bench
from service.bench.scene import EMBEDDED, MOSQUITTO
from service.brokers import WrongBrokerUrl, check_authorities
from service.commands.base import app, fail, failing_on, made_data_dir, settings
from service.embedded import AlreadyRunning, NoAccount, NoPlace, ServerFailed


@app.command("bench")
def bench_command(
    broker: Annotated[
        str,
        typer.Option(
            metavar="BROKER",
            help="embedded, mosquitto, or mqtt://user:password@host:port (mqtts:// for TLS).",
        ),
    ] = "embedded",
    readings_per_message: Annotated[
        int,
        typer.Option(
            "--readings-per-message", min=1, max=500, metavar="N", help="Readings a message."
        ),
    ] = 20,
    seconds: Annotated[
        float, typer.Option(min=2, metavar="S", help="Length of the main measurement (s).")
    ] = 60,
    sensors: Annotated[
        int, typer.Option(min=50, metavar="N", help="Sensors, four limits each.")
    ] = 5000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object only.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            help="Measure on the disk of this data directory, in a directory that is removed "
            "again; default: the machine's temporary directory.",
        ),
    ] = None,
) -> None:
    """Measure the whole path on this machine.

    With a database, a broker and a service of its own; a service that runs on the data directory
    is left alone, but shares the machine. Exit code 1 if readings are missing.
    """
    chosen = settings(data_dir=data_dir)
    if broker not in {EMBEDDED, MOSQUITTO}:
        with failing_on(WrongBrokerUrl, code=2):
            check_authorities(chosen.mqtt_ca_file)
        try:
            GivenBroker(broker, chosen.mqtt_ca_file)
        except WrongBrokerUrl:
            fail(
                f"--broker {broker.rpartition('@')[2]}: give embedded, mosquitto or "
                "mqtt://user:password@host:port, or mqtts:// for TLS",
                code=2,
            )
    if data_dir is not None:
        made_data_dir(chosen, mode=0o711)  # the embedded servers' account passes through
    console = Console(stderr=True, highlight=False)
    with suppress(control.NoService):
        running = control.find(chosen.data_dir)
        console.print(f"a service runs at {running.url}: it takes its share of what is measured")
    options = BenchOptions(
        broker=broker,
        ca_file=chosen.mqtt_ca_file,
        readings_per_message=readings_per_message,
        seconds=seconds,
        sensors=sensors,
        place=None if data_dir is None else chosen.data_dir,
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
