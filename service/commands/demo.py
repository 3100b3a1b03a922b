"""`vedette demo`: database, broker, service and a simulated county, in one command."""

from __future__ import annotations

from typing import Annotated

import typer
import uvloop

from service import logs
from service.commands.base import DataDir, app, failing_on, made_data_dir, settings
from service.demo import DemoOptions, run_demo
from service.embedded import AlreadyRunning, NoAccount, NoPlace, ServerFailed
from service.http import PortTaken
from service.run import CannotStart


@app.command("demo")
def demo_command(
    port: Annotated[
        int, typer.Option(help="Port of the web interface; 0 takes a free one.")
    ] = 8000,
    mqtt_port: Annotated[
        int, typer.Option("--mqtt-port", help="Port gateways connect to; 0 takes a free one.")
    ] = 1883,
    sites: Annotated[
        int, typer.Option(min=1, max=2000, help="Sites of the simulated county.")
    ] = 100,
    no_simulate: Annotated[
        bool, typer.Option("--no-simulate", help="Start without a simulated county.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Start everything: embedded PostgreSQL and broker, the service, and a simulated county.

    Ctrl-C stops all of it; the data is there again at the next start.
    """
    chosen = settings(data_dir=data_dir, http_port=port)
    made_data_dir(chosen, mode=0o711)  # the embedded servers' account passes through
    logs.configure("warning" if chosen.log_level == "info" else chosen.log_level, chosen.log_format)
    options = DemoOptions(mqtt_port=mqtt_port, sites=sites, simulate=not no_simulate)
    with failing_on(CannotStart, PortTaken, ServerFailed, AlreadyRunning, NoAccount, NoPlace):
        uvloop.run(run_demo(chosen, options))
