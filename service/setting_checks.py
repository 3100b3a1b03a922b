"""What a setting's text must be beyond its type: addresses, zones, names that exist.

Each check takes the text and gives it back, or raises ValueError with what is expected: pydantic
puts the setting's name in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr

PREFIX: Final = "VEDETTE_"
OURS: Final = ("VEDETTE_CONFIG", "VEDETTE_TEST_")
"""Variables that are no settings: the file of settings, and what tests are told."""


def database_url(given: SecretStr) -> SecretStr:
    if not _is_address(given.get_secret_value(), {"postgresql", "postgres"}, host_needed=False):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return given


def mqtt_url(given: SecretStr) -> SecretStr:
    if not _is_address(given.get_secret_value(), {"mqtt", "mqtts"}):
        raise ValueError("must be mqtt://user:password@host:port, or mqtts:// for TLS")
    return given


def journal_url(given: str | None) -> str | None:
    if given is not None and not given.startswith("sqlite:///"):
        raise ValueError("must be sqlite:///path; this version knows no other journal")
    return given


def heartbeat_url(given: str | None) -> str | None:
    if given is not None and not _is_address(given, {"http", "https"}):
        raise ValueError("must be http://host/path or https://host/path")
    return given


def time_zone(given: str) -> str:
    try:
        ZoneInfo(given)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a name of the time zone database, as Asia/Shanghai") from None
    return given


def _is_address(given: str, schemes: set[str], *, host_needed: bool = True) -> bool:
    try:
        parts = urlsplit(given)
        parts.port  # noqa: B018 - raises ValueError where it is none
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname or not host_needed)


def unknown_variables(environment: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """A line for each variable that looks like a setting and is none: most are misspelt."""
    names = {PREFIX + name.upper() for name in known}
    return [
        f"{name}: there is no such setting{_instead(name, names)}"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in names and not name.startswith(OURS)
    ]


def _instead(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""
