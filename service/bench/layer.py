"""The MQTT layer alone, as a process: prints how many messages it took, twenty times a second."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from ingest import LayerAlone

EVERY_S = 0.05


class Login(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    username: str
    password: str
    client_id: str
    ca_file: str | None = None
    """Authorities (PEM) that may sign the broker's certificate, for mqtts; None: the machine's."""


async def main() -> None:
    login = msgspec.json.decode(sys.stdin.readline(), type=Login)
    layer = LayerAlone(
        login.url,
        client_id=login.client_id,
        username=login.username,
        password=login.password,
        ca_file=None if login.ca_file is None else Path(login.ca_file),
    )
    running = asyncio.ensure_future(layer.run())
    await layer.session.ready.wait()
    while not running.done():
        print(layer.messages, flush=True)  # noqa: T201 - to our parent
        await asyncio.sleep(EVERY_S)
    running.result()


if __name__ == "__main__":
    uvloop.run(main())
