"""`vedette run` and `vedette migrate`: the service against configured servers."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
import uvloop

from service import logs
from service.brokers import WrongBrokerUrl, client_id, foreign_broker
from service.commands.base import (
    LARGEST_PORT,
    DataDir,
    app,
    database_url,
    fail,
    failing_on,
    made_data_dir,
    settings,
)
from service.commands.on_database import away
from service.http import PortTaken
from service.run import CannotStart, Running, serve
from service.storer import TwoHistories
from store.database import Database, DatabaseUnavailable
from store.migrate import MigrationChanged, SchemaNewer, migrate
from store.writer import StaleJournal

ROLES = ("ingest", "engine", "api", "notify")


@app.command("run")
def run_command(
    only: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE,...",
            help="Roles of this process: ingest, engine, api, notify; the first three go together.",
        ),
    ] = None,
    no_migrate: Annotated[
        bool, typer.Option("--no-migrate", help="Do not bring the schema up to date first.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=LARGEST_PORT,
            metavar="PORT",
            help="Port of the HTTP server; 0 takes a free one; default: VEDETTE_HTTP_PORT, else 8000.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the service against configured servers.

    PostgreSQL and the MQTT broker are those of VEDETTE_DATABASE_URL and VEDETTE_MQTT_URL; look at
    them with `vedette doctor` first.
    """
    chosen = settings(data_dir=data_dir, http_port=port)
    _check_roles(only)
    made_data_dir(chosen, mode=0o700)
    logs.configure(chosen.log_level, chosen.log_format)
    with failing_on(WrongBrokerUrl, code=2):
        broker = foreign_broker(
            chosen.mqtt_url.get_secret_value(),
            client_id=client_id(chosen.data_dir),
            redelivery_s=chosen.mqtt_redelivery_s,
            ca_file=chosen.mqtt_ca_file,
        )
    with failing_on(CannotStart, PortTaken, StaleJournal, TwoHistories):
        uvloop.run(serve(chosen, broker=broker, migrate_first=not no_migrate, ready=_tell))


async def _tell(running: Running) -> None:
    """Say once, on standard output and never in the log, what only the first start knows."""
    if running.identities.first_password is not None:
        print(f"first sign-in: admin / {running.identities.first_password}", flush=True)


def _check_roles(only: str | None) -> None:
    """Roles that share one journal file cannot be split yet: say so instead of half running."""
    if only is None:
        return
    roles = {role.strip() for role in only.split(",")}
    if unknown := roles - set(ROLES):
        fail(
            f"--only {only}: unknown role {min(unknown)}; choose from {', '.join(ROLES)}",
            code=2,
        )
    if not {"ingest", "engine", "api"} <= roles:
        fail(
            f"--only {only}: a journal on this machine's disk has one writer, so ingest, engine and "
            "api run in one process; leave --only out, or name all three",
            code=2,
        )


@app.command("migrate")
def migrate_command(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date."""
    chosen = settings(data_dir=data_dir)

    async def work() -> tuple[str, ...]:
        database = await Database.connect(database_url(chosen), max_connections=1)
        try:
            return (await migrate(database)).applied
        finally:
            await database.close()

    try:
        applied = asyncio.run(work())
    except DatabaseUnavailable as error:
        fail(away(error))
    except (SchemaNewer, MigrationChanged) as error:
        fail(str(error))
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
