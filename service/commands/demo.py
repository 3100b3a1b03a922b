"""`vedette demo`: database, broker, service and a simulated county, in one command."""

from __future__ import annotations

from typing import Annotated

import typer
import uvloop

from service import logs
from service.commands.base import (
    LARGEST_PORT,
    DataDir,
    app,
    failing_on,
    made_data_dir,
    settings,
)
from service.county import COUNTY_SITES
from service.demo import DemoOptions, run_demo
from service.embedded import AlreadyRunning, NoAccount, NoPlace, ServerFailed
from service.http import PortTaken
from service.run import CannotStart
from service.storer import TwoHistories
from store.writer import StaleJournal


@app.command("demo")
def demo_command(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=LARGEST_PORT,
            metavar="PORT",
            help="Port of the web interface; 0 takes a free one; default: VEDETTE_HTTP_PORT, "
            "else 8000.",
        ),
    ] = None,
    mqtt_port: Annotated[
        int,
        typer.Option(
            "--mqtt-port",
            min=0,
            max=LARGEST_PORT,
            metavar="PORT",
            help="Port gateways connect to; 0 takes a free one.",
        ),
    ] = 1883,
    sites: Annotated[
        int,
        typer.Option(
            min=1,
            max=2000,
            metavar="N",
            help="Sites of the simulated county, registered at the first start (at most 2000).",
        ),
    ] = COUNTY_SITES,
    no_simulate: Annotated[
        bool,
        typer.Option(
            "--no-simulate",
            help="Play no county; a first start then registers one empty site, site-1.",
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Start everything on this machine, with a county.

    Embedded PostgreSQL, embedded broker, the service, and a simulated county. Ctrl-C stops all
    of it; the data is there again at the next start.
    """
    chosen = settings(data_dir=data_dir, http_port=port)
    made_data_dir(chosen, mode=0o711)  # the embedded servers' account passes through
    logs.configure("warning" if chosen.log_level == "info" else chosen.log_level, chosen.log_format)
    options = DemoOptions(mqtt_port=mqtt_port, sites=sites, simulate=not no_simulate)
    told = (CannotStart, PortTaken, ServerFailed, AlreadyRunning, NoAccount, NoPlace)
    with failing_on(*told, StaleJournal, TwoHistories):
        uvloop.run(run_demo(chosen, options))
