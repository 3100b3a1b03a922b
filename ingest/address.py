"""Where a broker is and who we are there, as a URL says it."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Address(NamedTuple):
    """Of a broker; user and password may be empty."""

    host: str
    port: int
    tls: bool
    username: str
    password: str


def address_of(url: str) -> Address:
    """Read mqtt://[user:password@]host[:port] or mqtts://...

    Raises:
        ValueError: the URL is no broker's. The message does not hold the password.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"'{parts.scheme}://...' is no broker: use mqtt:// or mqtts://")
    try:
        parts.hostname.encode("idna")  # as connecting will
    except UnicodeError:
        raise ValueError(f"'{parts.hostname}' is no broker: no host has such a name") from None
    return Address(
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        parts.scheme == "mqtts",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
