"""The few words of the NATS client protocol that the launcher needs to bound the queue.

The protocol is lines of text (https://docs.nats.io/reference/reference-protocols/nats-protocol);
one request and its answer over one connection is all there is here.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

_TIMEOUT_S: Final = 5.0


class NatsRefused(Exception):
    """The server refused the connection or the request; the text is its own."""


async def request(
    port: int, *, user: str, password: str, subject: str, content: dict[str, Any]
) -> dict[str, Any]:
    """Ask one question on `subject` and return the answer, both JSON.

    Raises:
        NatsRefused: the server answered with an error.
        OSError, TimeoutError: it did not answer.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            login = {"user": user, "pass": password, "verbose": False, "pedantic": False,
                     "name": "launcher", "lang": "python", "version": "1", "protocol": 1}  # fmt: skip
            body = msgspec.json.encode(content)
            writer.write(
                b"CONNECT %b\r\nSUB _INBOX.answer 1\r\nPUB %b _INBOX.answer %d\r\n%b\r\nPING\r\n"
                % (msgspec.json.encode(login), subject.encode(), len(body), body)
            )
            answer = msgspec.json.decode(await _message(reader, writer), type=dict[str, Any])
        except (EOFError, ValueError, IndexError) as fault:  # DecodeError is a ValueError
            raise NatsRefused(f"{subject}: the answer was cut off or is none: {fault}") from fault
        finally:
            writer.close()
    if "error" in answer:
        raise NatsRefused(f"{subject}: {answer['error'].get('description')}")
    return answer


async def _message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    while line := await reader.readline():
        word, _, rest = line.strip().partition(b" ")
        if word == b"MSG":
            return (await reader.readexactly(int(rest.split()[-1]) + 2))[:-2]
        if word == b"PING":
            writer.write(b"PONG\r\n")
        if word == b"-ERR":
            raise NatsRefused(rest.decode())
    raise NatsRefused("the server closed the connection")
