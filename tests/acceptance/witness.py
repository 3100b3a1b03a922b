"""A sensor that goes over its limit and back all the while; each turn must be seen on a screen."""

from __future__ import annotations

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

from service.control import Running
from simulators.broker import Login
from tests.acceptance.screen import gateway_on, screen_on

TURN_S = 3.0
"""A turn that is not on the stream by then was disturbed; this machine may be busy."""
PAUSE_S = 0.1


class Witness:
    """Runs beside the tests in a thread of its own, with its own gateway and its own screen."""

    def __init__(self, running: Running, port: int, login: Login, tag: str) -> None:
        self._running = running
        self._port = port
        self._login = login
        self._tag = tag
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch()), daemon=True)
        self.turns = 0
        self.fault: str | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.goes_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(30)

    def goes_on(self) -> None:
        """Wait for turns that begin after this call: over, and back."""
        wanted, deadline = self.turns + 3, time.monotonic() + 4 * TURN_S
        while self.turns < wanted:
            assert self.fault is None, self.fault
            assert time.monotonic() < deadline, f"only {self.turns} turns of {wanted}"
            time.sleep(0.02)

    async def _watch(self) -> None:
        turns = ((80.0, "unacknowledged"), (5.0, "returned_unacknowledged"))
        try:
            async with (
                screen_on(self._running) as screen,
                gateway_on(self._port, self._login) as gateway,
            ):
                while not self._stop.is_set():
                    for value, state in turns:
                        await gateway.says(self._tag, value)
                        await screen.alarm(self._tag, state=state, within_s=TURN_S)
                        self.turns += 1
                        await asyncio.sleep(PAUSE_S)
        except Exception as error:  # noqa: BLE001 - a thread's errors are told by `goes_on`
            self.fault = f"after {self.turns} turns: {error!r}"
