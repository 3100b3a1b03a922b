"""Which proxies are believed when they say who called: addresses and networks, with commas."""

from __future__ import annotations

from ipaddress import ip_network


def trusted_proxies(given: str | None) -> list[str]:
    """Each address or network of the list.

    Raises:
        ValueError: one is neither.
    """
    names = [name.strip() for name in (given or "").split(",") if name.strip()]
    for name in names:
        try:
            ip_network(name)
        except ValueError:
            raise ValueError(
                f"{name!r} is neither an address nor a network; "
                "write them with commas, as 127.0.0.1,10.8.0.0/24"
            ) from None
    return names


def checked(given: str | None) -> str | None:
    """The setting's text as it was given, if it can be used."""
    trusted_proxies(given)
    return given
