"""What is said when simulated gateways cannot get in: they themselves go on trying for ever."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final

from service.commands.base import fail
from simulators.broker import Broker
from simulators.gateway import Traffic

LOOK_EVERY_S: Final = 5.0
"""What is still so by the second look is worth a line."""
NAMED: Final = 3


async def watched(work: Coroutine[Any, Any, Any], traffic: Traffic, address: Broker) -> None:
    """Play, and say once who does not get in; if none did to the end, exit code 1."""
    looking = asyncio.create_task(_look_on(traffic, address), name="lonely gateways")
    try:
        await work
    finally:
        looking.cancel()
    if not traffic.connects:
        fail(_why_lonely(traffic, address))


async def _look_on(traffic: Traffic, address: Broker) -> None:
    """Task: say what is amiss when it begins, when it changes, and when it is over."""
    said = before = ""
    await asyncio.sleep(LOOK_EVERY_S)
    while True:
        amiss = _amiss(traffic, address)
        if amiss == before and amiss != said:
            over = f"all gateways are let in again by {_named(address)}"
            print(f"vedette: {amiss or over}", file=sys.stderr, flush=True)
            said = amiss
        before = amiss
        await asyncio.sleep(LOOK_EVERY_S)


def _amiss(traffic: Traffic, address: Broker) -> str:
    """What keeps gateways out; empty when nothing does."""
    if not traffic.connects:
        return f"{_why_lonely(traffic, address)}; trying on"
    out = sorted(traffic.locked_out)
    if not out:
        return ""
    names = ", ".join([*out[:NAMED], *(["..."] if len(out) > NAMED else [])])
    many = "1 gateway" if len(out) == 1 else f"{len(out)} gateways"
    return (
        f"{_named(address)} refuses {many} ({names}): removed from the registry, or given another "
        "password; trying on, more rarely"
    )


def _why_lonely(traffic: Traffic, address: Broker) -> str:
    where = _named(address)
    if traffic.refused:
        return f"{where} lets no gateway in; give it users, or name one in --broker"
    return f"{where} cannot be reached by any gateway; start it or name another with --broker"


async def reached(work: Coroutine[Any, Any, Any], address: Broker) -> None:
    """Publish a load; a broker that cannot be reached ends it with its name (1)."""
    try:
        await work
    except OSError as error:
        fail(
            f"{_named(address)} cannot be reached: {error}; start it or name another with --broker"
        )


def _named(address: Broker) -> str:
    return f"the broker at {address.host} port {address.port}"
