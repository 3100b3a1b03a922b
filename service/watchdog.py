"""A dead service must be noticed by somebody: systemd inside the machine, a heartbeat outside.

systemd is fed while a restart would not help. The heartbeat stops sooner: whenever readings that
should be judged are not, even if it is the journal's disk or the broker that is to blame.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import urllib.request
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import structlog

HEARTBEAT_TIMEOUT_S: Final = 10.0
DEAF_S: Final = 120.0
"""So long the broker may be away, or not deliver, before the heartbeat stops: it may restart."""

log = structlog.get_logger(__name__)


def notify_systemd(message: str) -> None:
    """Send one sd_notify(3) message; does nothing when systemd did not start this process.

    A socket that nobody reads any more (inherited, and its owner gone) is logged once.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall(message.encode())
    except OSError as error:
        _warn_of_notify_socket(os.environ["NOTIFY_SOCKET"], str(error))


@cache
def _warn_of_notify_socket(address: str, reason: str) -> None:
    log.warning("systemd.deaf", notify_socket=address, reason=reason)


def watchdog_interval_s() -> float | None:
    """Half of systemd's WatchdogSec (s), or None where no watchdog is set for this process."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    owner = os.environ.get("WATCHDOG_PID")
    if not microseconds or (owner and int(owner) != os.getpid()):
        return None
    return int(microseconds) / 2_000_000


class Judging:
    """Whether what should be judged is judged; the outer heartbeat hangs on it.

    Args:
        turning: whether entries are folded.
        journal_fault: why the journal keeps no readings, or None.
        ingest_faults: what keeps messages from arriving.
        monotonic: seconds.
    """

    def __init__(
        self,
        *,
        turning: Callable[[], bool],
        journal_fault: Callable[[], str | None],
        ingest_faults: Callable[[], Sequence[str]],
        monotonic: Callable[[], float],
    ) -> None:
        self._turning = turning
        self._journal_fault = journal_fault
        self._ingest_faults = ingest_faults
        self._monotonic = monotonic
        self._deaf_since: float | None = None

    def __call__(self) -> bool:
        if not self._ingest_faults():
            self._deaf_since = None
        elif self._deaf_since is None:
            self._deaf_since = self._monotonic()
        deaf_s = 0.0 if self._deaf_since is None else self._monotonic() - self._deaf_since
        return self._turning() and self._journal_fault() is None and deaf_s < DEAF_S


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
            # A receiver that answers garbage raises HTTPException, which is neither of the others.
            except (OSError, ValueError, http.client.HTTPException) as error:
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
