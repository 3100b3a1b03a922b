"""A peer that speaks MQTT to our session as a test tells it, where no broker can be made to.

Real brokers are in `conftest`; this is for an order or a moment that they do not let us choose.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x05\x00\x01\x01\x01\x01"
"""Of the three filters that ingest subscribes to."""

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(act: Act) -> AsyncIterator[str]:
    """Serve every connection by `act`; yields the URL."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await act(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
