"""A dead service must be noticed by somebody: systemd inside the machine, a heartbeat outside.

Both are fed only while the spine really turns: a tick has been folded lately.
"""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Final

import structlog

HEARTBEAT_TIMEOUT_S: Final = 10.0

log = structlog.get_logger(__name__)


def notify_systemd(message: str) -> None:
    """Send one sd_notify(3) message; does nothing when systemd did not start this process."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(message.encode())


def watchdog_interval_s() -> float | None:
    """Half of systemd's WatchdogSec (s), or None where no watchdog is set for this process."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    owner = os.environ.get("WATCHDOG_PID")
    if not microseconds or (owner and int(owner) != os.getpid()):
        return None
    return int(microseconds) / 2_000_000


async def feed_watchdog(interval_s: float, *, turning: Callable[[], bool]) -> None:
    """Task: tell systemd we are alive, for ever, while `turning()`."""
    while True:
        if turning():
            notify_systemd("WATCHDOG=1")
        await asyncio.sleep(interval_s)


async def send_heartbeats(url: str, interval_s: float, *, turning: Callable[[], bool]) -> None:
    """Task: GET `url` while `turning()`, for ever; a failure is logged once, then retried."""
    failed = False
    while True:
        if turning():
            try:
                await asyncio.to_thread(_get, url)
            except (urllib.error.URLError, OSError, ValueError) as error:
                if not failed:
                    log.warning("heartbeat.failed", reason=str(error))
                failed = True
            else:
                if failed:
                    log.info("heartbeat.recovered")
                failed = False
        await asyncio.sleep(interval_s)


def _get(url: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError("heartbeat_url must begin with https:// or http://")
    with urllib.request.urlopen(url, timeout=HEARTBEAT_TIMEOUT_S) as answer:  # noqa: S310 - scheme checked
        answer.read(1024)
