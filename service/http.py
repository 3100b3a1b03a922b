"""The HTTP server as one task among others: uvicorn without its own signal handling."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_S: Final = 2
"""How long open requests may go on when the service stops; streams end at once."""

HEAD_S: Final = 20.0
"""How long a client may take for the head of a request. uvicorn has no bound for the first of a
connection: some hundred sockets that say nothing would take every file the process may open."""


class PortTaken(Exception):
    """The address cannot be listened on."""


class HttpServer(uvicorn.Server):
    """Stops when `should_exit` is set; the process's signals belong to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class PromptHttp(HttpToolsProtocol):
    """Closes a connection on which the head of a request has not come within `HEAD_S`."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._overdue = self.loop.call_later(HEAD_S, transport.close)

    def on_message_begin(self) -> None:
        self._met()
        self._overdue = self.loop.call_later(HEAD_S, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._met()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._met()
        super().connection_lost(exc)

    def _met(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything else starts.

    Raises:
        PortTaken: with what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            "stop the other program or choose another port with --port or VEDETTE_HTTP_PORT"
        ) from error
    listener.settimeout(0)
    return listener


def http_server(app: Callable[..., Any], *, trusted_proxies: Sequence[str] = ()) -> HttpServer:
    """The server. Only these addresses and networks are believed when they say who called."""
    return HttpServer(
        uvicorn.Config(
            app,
            http=PromptHttp,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=75,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            server_header=False,
        )
    )


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else host  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown and not shown.startswith('[') else shown}:{port}"
