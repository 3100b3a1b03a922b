"""Starts one embedded server and waits to be killed: `launcher.py PART DATA_DIR`.

Prints `PID DSN-or-URL` once the server is ready.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from service.embedded import MosquittoBroker, NatsBroker, PostgresServer


async def main(part: str, data_dir: Path) -> None:
    if part == "postgres":
        async with PostgresServer(data_dir) as server:
            print(server.pid, server.dsn, flush=True)  # noqa: T201 the parent reads it
            await asyncio.Event().wait()
    else:
        kind = NatsBroker if part == "nats" else MosquittoBroker
        async with kind(data_dir, port=0) as broker:
            print(broker.pid, broker.url, flush=True)  # noqa: T201 the parent reads it
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
