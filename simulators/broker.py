"""Where the broker is and how a gateway logs in: what every publisher here needs to be told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Login(NamedTuple):
    """A gateway's MQTT user and password; both empty for a broker that asks for none."""

    username: str
    password: str


NO_LOGIN: Final = Login("", "")


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker's address. `tls` None: plain TCP."""

    host: str
    port: int = 1883
    tls: ssl.SSLContext | None = None

    @classmethod
    def from_url(cls, url: str, *, ca_file: Path | None = None) -> Broker:
        """Read `mqtt://host[:port]`, or `mqtts://` for TLS; a user in it is left to `login_in`.

        Args:
            url: of the broker.
            ca_file: authorities (PEM) that may sign its certificate; None: the machine's.

        Raises:
            ValueError: not such a URL.
            OSError: `ca_file` cannot be read, or holds no certificates.
        """
        parts, port = _parts(url)
        tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None
        return cls(parts.hostname or "", port, tls)


def login_in(url: str) -> Login | None:
    """The user and password of `mqtt://user:password@host`; None where there is no user.

    Raises:
        ValueError: not such a URL.
    """
    parts, _ = _parts(url)
    if parts.username is None:
        return None
    return Login(unquote(parts.username), unquote(parts.password or ""))


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname:
            return parts, parts.port or PORTS[parts.scheme]
    except ValueError:  # a port that is no number, a bracket without its fellow
        pass
    shown = url.rpartition("@")[2]  # without a password
    raise ValueError(
        f"{shown!r} is not a broker's URL; write mqtt://[user:password@]host:1883, or "
        "mqtts://host:8883 for TLS"
    )


def topic(gateway: str, leaf: str) -> str:
    """A gateway's topic, e.g. `vedette/v1/gw-001/telemetry`."""
    return f"vedette/v1/{gateway}/{leaf}"
