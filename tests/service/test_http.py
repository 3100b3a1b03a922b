"""The HTTP server waits for nobody who does not speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import http
from service.http import http_server, listen


async def slow_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers in two parts, with more between them than a head may take."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first ", "more_body": True})
    await asyncio.sleep(5 * http.HEAD_S)
    await send({"type": "http.response.body", "body": b"second"})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    server = http_server(slow_app)
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_S", 0.1)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a"])
def test_who_never_ends_the_head_of_a_request_is_cut_off(said: bytes) -> None:
    async def run() -> None:
        async with serving() as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_a_long_answer_is_not_cut_off() -> None:
    async def run() -> None:
        async with serving() as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            assert b"first" in answer
            assert b"second" in answer
            writer.close()

    asyncio.run(run())
