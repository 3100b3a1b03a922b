"""What is said when simulated gateways cannot get in: they themselves go on trying for ever."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final

from service.commands.base import fail
from simulators.broker import Broker
from simulators.gateway import Traffic

LONELY_S: Final = 5.0
"""A broker that has let no gateway in by then is worth a line."""


async def watched(work: Coroutine[Any, Any, Any], traffic: Traffic, address: Broker) -> None:
    """Play, and say once when no gateway gets in; if none did to the end, exit code 1."""
    lonely = asyncio.get_running_loop().call_later(LONELY_S, _complain, traffic, address)
    try:
        await work
    finally:
        lonely.cancel()
    if not traffic.connects:
        fail(_why_lonely(traffic, address))


def _complain(traffic: Traffic, address: Broker) -> None:
    if not traffic.connects:
        print(f"vedette: {_why_lonely(traffic, address)}; trying on", file=sys.stderr, flush=True)


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
