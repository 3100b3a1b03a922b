"""The publishing process of a bench: plan on the first line of standard input, then budgets.

Each further line is the number of messages that may have been published by now. Prints the
report as JSON when the time is over.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from simulators.broker import Broker, Login
from simulators.load import LoadGateway, LoadPlan, publish_load


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish, as one line of JSON."""

    broker: str
    """mqtt://host:port, or mqtts://"""
    ca_file: str | None = None
    """Authorities (PEM) that may sign its certificate, for mqtts; None: the machine's."""
    user: str | None = None
    """Who all gateways log in as; None: as themselves."""
    passwords: dict[str, str]
    tags: dict[str, list[str]]
    seconds: float
    readings_per_message: int
    rate: float | None = None
    paced: bool = False
    """Wait for budgets on standard input."""
    boot: str = "bench"


def plan_of(order: Order) -> LoadPlan:
    return LoadPlan(
        gateways=tuple(
            LoadGateway(
                gateway=gateway,
                login=Login(order.user or gateway, order.passwords[gateway]),
                tags=tuple(tags),
            )
            for gateway, tags in order.tags.items()
        ),
        seconds=order.seconds,
        rate=order.rate,
        readings_per_message=order.readings_per_message,
        in_flight=1000,
        boot=order.boot,
    )


async def main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    budget = 0

    def read_budget() -> None:
        nonlocal budget
        line = sys.stdin.readline()
        if line:
            budget = int(line)
        else:
            asyncio.get_running_loop().remove_reader(sys.stdin)

    if order.paced:
        asyncio.get_running_loop().add_reader(sys.stdin, read_budget)
    report = await publish_load(
        plan_of(order),
        broker=Broker.from_url(
            order.broker, ca_file=None if order.ca_file is None else Path(order.ca_file)
        ),
        clock=lambda: time.time_ns() // 1000,
        budget=(lambda: budget) if order.paced else None,
    )
    print(  # noqa: T201 - to our parent
        json.dumps(
            {
                "published": report.published,
                "readings": report.readings,
                "seconds": report.seconds,
                "unacknowledged": report.unacknowledged,
                "first_sent_ms": report.first_sent_ms,
                "last_sent_ms": report.last_sent_ms,
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main())
