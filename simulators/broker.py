"""Where the broker is and how a gateway logs in: what every publisher here needs to be told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Login(NamedTuple):
    """A gateway's MQTT user and password."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker's address. `tls` None: plain TCP."""

    host: str
    port: int = 1883
    tls: ssl.SSLContext | None = None

    @classmethod
    def from_url(cls, url: str) -> Broker:
        """Read `mqtt://host[:port]`, or `mqtts://` for TLS with the system's authorities.

        Raises:
            ValueError: not such a URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(
                f"{url!r} is not a broker's URL; write mqtt://host:1883 or mqtts://host:8883"
            )
        tls = ssl.create_default_context() if parts.scheme == "mqtts" else None
        return cls(parts.hostname, parts.port or PORTS[parts.scheme], tls)


def topic(gateway: str, leaf: str) -> str:
    """A gateway's topic, e.g. `vedette/v1/gw-001/telemetry`."""
    return f"vedette/v1/{gateway}/{leaf}"
