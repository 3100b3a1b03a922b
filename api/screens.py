"""What goes to one open screen: a mailbox, and the response that empties it into the wire.

Alarm frames are never dropped here: when a screen reads too slowly its mailbox stops taking
them, the subscription behind it overruns, and the screen is told to take a new snapshot. Frames
of `latest` and `health` are only pictures of the moment: the newest replaces what still waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEARTBEAT_S: Final = 1.5
STALLED_S: Final = 30.0
"""A peer that takes nothing for this long is cut off."""
ALARM_BOUND: Final = 1_000
"""Alarm frames that wait for one screen."""
LATEST_BOUND: Final = 8
"""Latest frames that wait before a full one replaces them."""

GREETING: Final = b"retry: 1000\n: vedette\n\n"
BEAT: Final = b":\n\n"


class _Gone(Exception):
    """The peer has closed, or the service is stopping."""


class Mailbox:
    """Frames that wait for one screen, and the bell that says so."""

    def __init__(self) -> None:
        self._alarms: deque[bytes] = deque()
        self._latest: deque[bytes] = deque()
        self._health: bytes | None = None
        self._bell = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.wants_full = False
        """Latest frames were given up: the next must be a full one."""
        self.closed = False

    async def put_alarm(self, frame: bytes) -> None:
        """Add an alarm frame; waits while the screen is `ALARM_BOUND` behind."""
        await self._room.wait()
        self._alarms.append(frame)
        if len(self._alarms) >= ALARM_BOUND:
            self._room.clear()
        self._bell.set()

    def put_reset(self, frame: bytes) -> None:
        """Have the screen start over: not dropped, and it waits for no room. Once is enough."""
        if frame not in self._alarms:
            self._alarms.append(frame)
        self._bell.set()

    def put_latest(self, frame: bytes, *, full: bool) -> None:
        if full:
            self._latest.clear()
            self.wants_full = False
        elif len(self._latest) >= LATEST_BOUND:
            self._latest.clear()
            self.wants_full = True
            return
        self._latest.append(frame)
        self._bell.set()

    def put_health(self, frame: bytes) -> None:
        self._health = frame
        self._bell.set()

    def close(self) -> None:
        self.closed = True
        self._bell.set()

    async def take(self) -> bytes:
        """Everything that waits, or a heartbeat after `HEARTBEAT_S` of silence."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._bell.wait()
        except TimeoutError:
            return BEAT
        self._bell.clear()
        parts = [*self._alarms, *self._latest]
        if self._health is not None:
            parts.append(self._health)
        self._alarms.clear()
        self._latest.clear()
        self._health = None
        self._room.set()
        return b"".join(parts)


class EventStream(Response):
    """Server-sent events from a mailbox, until the peer goes or the mailbox is closed.

    Args:
        mailbox: where frames come from.
        alarms: frames of the alarm subscription, in order; its place in the stream is taken.
        on_end: called once when the stream is over, however it ends.
    """

    media_type = "text/event-stream"

    def __init__(
        self, mailbox: Mailbox, alarms: AsyncIterator[bytes], *, on_end: Callable[[], None]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._mailbox = mailbox
        self._alarms = alarms
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope  # as every response is called; nothing of it matters here
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(), name="stream.pump")
                tasks.create_task(self._listen(receive), name="stream.listen")
                await self._write(send)
                raise _Gone
        except* _Gone:
            pass
        finally:
            self._on_end()

    async def _pump(self) -> None:
        async for frame in self._alarms:
            await self._mailbox.put_alarm(frame)

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _Gone

    async def _write(self, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        frame = GREETING
        while True:
            try:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
            except TimeoutError:
                return
            if self._mailbox.closed:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            frame = await self._mailbox.take()
