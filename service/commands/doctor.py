"""`vedette doctor`: looks at what the service stands on, and says how to mend it."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape

from service import control
from service.brokers import BrokerAccess, WrongBrokerUrl, foreign_broker
from service.commands.base import DataDir, app, fail, settings
from service.examination import look
from service.findings import Finding
from service.forgetting import keep_of
from service.settings import Settings

MARKS = {
    "ok": "[green]ok[/green]  ",
    "note": "[blue]note[/blue]",
    "warn": "[yellow]warn[/yellow]",
    "fail": "[red]fail[/red]",
}


@app.command("doctor")
def doctor_command(data_dir: DataDir = None) -> None:
    """Look at what the service stands on; say how to mend it.

    Database, broker, certificates, files, clock and disk, of the service that runs on the data
    directory or else as configured. Exit code 1 if something fails; `note` is what cannot be seen
    from here.
    """
    chosen = settings(data_dir=data_dir)
    console = Console(highlight=False, soft_wrap=True)
    locale = (
        "zh-CN" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh") else "en"
    )
    database_url, broker = _addresses(chosen)

    async def report() -> list[Finding]:
        found = []
        async for finding in look(
            data_dir=chosen.data_dir,
            database_url=database_url,
            broker=broker,
            keep=keep_of(chosen),
        ):
            console.print(MARKS[finding.state], escape(finding.text(locale)))
            found.append(finding)
        return found

    if any(finding.state == "fail" for finding in asyncio.run(report())):
        raise typer.Exit(1)


def _addresses(chosen: Settings) -> tuple[str, BrokerAccess]:
    """The running service's database and broker, else the configured ones."""
    mqtt_url = chosen.mqtt_url.get_secret_value()
    database_url = chosen.database_url.get_secret_value()
    try:
        running = control.find(chosen.data_dir)
    except control.NoService:
        pass  # the configured ones it is; the first finding says so
    else:
        database_url = running.database_url
        user, word = (
            quote(part, safe="") for part in (running.mqtt_username, running.mqtt_password)
        )
        mqtt_url = running.mqtt_url.replace("://", f"://{user}:{word}@", 1)
    try:
        return database_url, foreign_broker(
            mqtt_url, client_id="", redelivery_s=0.0, ca_file=chosen.mqtt_ca_file
        )
    except WrongBrokerUrl as error:
        fail(str(error), code=2)
