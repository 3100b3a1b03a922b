"""`vedette gateway` and `vedette sensor`: connect a box in two commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service import control
from service.commands.base import DataDir, fail, reporting, settings

gateway_app = typer.Typer(help="Gateways and their credentials.")
sensor_app = typer.Typer(help="Sensors and their limits.")
PeopleName = Annotated[str, typer.Option(metavar="TEXT", help="Name people read.")]
console = Console(highlight=False, soft_wrap=True)


@gateway_app.command("add")
def gateway_add(
    gateway: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Letters, digits, '_' and '-', at most 64; also its MQTT user."
        ),
    ],
    site: Annotated[str, typer.Option(metavar="SITE", help="Id of the site it stands in.")],
    name: PeopleName = "",
    data_dir: DataDir = None,
) -> None:
    """Register a gateway; print its password once.

    Printed are its broker, MQTT user, password and topics; on the embedded broker they work at
    once. A service must be running on the data directory.
    """
    with reporting():
        running = control.find(settings(data_dir=data_dir).data_dir)
        body = {"id": gateway, "site": site} | ({"name": name} if name else {})
        answer = control.call(running, "POST", "/api/v1/gateways", body)
    mqtt = answer["mqtt"]
    console.print(f"broker    {running.mqtt_url}")
    console.print(f"username  {mqtt['username']}")
    console.print(f"password  {mqtt['password']}")
    for topic in mqtt["topics"] if isinstance(mqtt["topics"], list) else mqtt["topics"].values():
        console.print(f"topic     {topic}")
    console.print("The password is shown this once.")


@gateway_app.command("list")
def gateway_list(data_dir: DataDir = None) -> None:
    """List gateways with what was heard of them last."""
    with reporting():
        running = control.find(settings(data_dir=data_dir).data_dir)
        items = _all(running, "/api/v1/gateways")
    if not items:
        console.print(
            "there are no gateways yet; add one with `vedette gateway add ID --site SITE`"
        )
        return
    table = Table("gateway", "site", "online", "last message", "missing", box=None, pad_edge=False)
    for item in items:
        state = {True: "yes", False: "no", None: "?"}[item["online"]]
        missing = sum(last - first + 1 for first, last in item["missing"])
        table.add_row(
            item["id"], item["site"]["id"], state, item["last_message_at"] or "never", str(missing)
        )
    console.print(table)


@sensor_app.command("add")
def sensor_add(
    gateway: Annotated[str, typer.Argument(metavar="GATEWAY", help="Its gateway's id.")],
    tag: Annotated[
        str, typer.Argument(metavar="TAG", help="What the gateway calls it (`s` of a reading).")
    ],
    measurand: Annotated[
        str,
        typer.Option(
            metavar="CODE", help="Code from the catalogue (GET /api/v1/catalogue), e.g. GAS_LEL."
        ),
    ],
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="LEVEL=SETPOINT", help="HH, H, L or LL, e.g. HH=50; may be repeated."),
    ] = None,
    name: PeopleName = "",
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Id of the zone it stands in.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a sensor to a gateway.

    Limits left out come from the catalogue. A service must be running on the data directory.
    """
    limits = dict(_limit(text) for text in limit or ())
    body: dict[str, Any] = {"gateway": gateway, "tag": tag, "measurand": measurand}
    body |= {"limits": limits} if limits else {}
    body |= {"name": name} if name else {}
    body |= {"zone": zone} if zone else {}
    with reporting():
        running = control.find(settings(data_dir=data_dir).data_dir)
        answer = control.call(running, "POST", "/api/v1/sensors", body)
    console.print(f"sensor {answer['id']}  {gateway}/{tag}  {answer['unit']}")
    for level, row in answer["limits"].items():
        console.print(
            f"  {level:<2} {row['setpoint']:g}  deadband {row['deadband']:g}  "
            f"on-delay {row['on_delay_s']:g} s  ({row['source']})"
        )


def _limit(text: str) -> tuple[str, dict[str, float]]:
    level, _, setpoint = text.partition("=")
    try:
        if level not in {"HH", "H", "L", "LL"}:
            raise ValueError
        return level, {"setpoint": float(setpoint)}
    except ValueError:
        fail(f"--limit {text}: give LEVEL=SETPOINT with HH, H, L or LL, e.g. HH=50", code=2)


def _all(running: control.Running, path: str) -> list[dict[str, Any]]:
    """Every page of a list."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = control.call(
            running, "GET", f"{path}?limit=500" + (f"&cursor={cursor}" if cursor else "")
        )
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
