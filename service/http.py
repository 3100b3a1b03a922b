"""The HTTP server as one task among others: uvicorn without its own signal handling."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

GRACE_S: Final = 2
"""How long open requests may go on when the service stops; streams end at once."""


class PortTaken(Exception):
    """The address cannot be listened on."""


class HttpServer(uvicorn.Server):
    """Stops when `should_exit` is set; the process's signals belong to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
