"""Slows down guessing: failed sign-ins by name at an address, by address, and by name.

So a stranger's guesses make the stranger wait, not the duty officer he guesses at: a name alone
waits only after many failures from everywhere. The first failures are free; from then on each
doubles the wait, from 2 s to 15 minutes. An hour without one forgets them.

A try is counted before its password is checked, since that takes long enough for many others to
slip in; a success takes it back, together with the slips of the same name at this address. What
others failed from there stays counted: whoever has one account must not be able to guess at the
rest for ever. Loopback is no address: behind it stands a proxy with everybody, or this machine.

Telemetry is counted by address only, apart from people: passwords of gateways cannot be guessed,
and the caller looks at them before he asks here, so that a right one always passes. The table is
bounded: when it is full the longest-quiet entry goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

SECOND: Final = 1_000_000
FREE: Final = {"pair": 5, "address": 20, "name": 100, "telemetry": 20}
"""Failures before a wait; an address may be many people, or gateways, behind one router."""
LONGEST: Final = 900 * SECOND
FORGET: Final = 3600 * SECOND
BOUND: Final = 10_000

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Try:
    """A counted try at `at`. `before`: when something was last counted at its address, if ever."""

    name: str
    address: str
    at: int
    before: int | None


class Lockout:
    """Counts failures; `clock` gives server time in µs."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, tuple[int, int]] = OrderedDict()

    def wait_s(self, *, name: str, address: str) -> int:
        """Whole seconds until the next try is heard; 0 when it may go on."""
        return max(map(self._wait, _keys(name, address)))

    def tried(self, *, name: str, address: str) -> Try:
        """Count a try as failed, until `succeeded` says otherwise."""
        _, before = self._failures.get(("address", address), (0, None))
        now = self._clock()
        for key in _keys(name, address):
            self._count(key, now)
        return Try(name, address, now, before)

    def succeeded(self, tried: Try) -> None:
        """A counted try was right."""
        slips, _ = self._failures.pop(_pair(tried.name, tried.address), (0, 0))
        self._failures.pop(("name", tried.name), None)
        here = ("address", tried.address)
        count, last = self._failures.get(here, (0, 0))
        if count > slips:
            # The wait of those who failed here goes on as if nothing had been tried.
            alone = tried.before if last == tried.at else None
            self._failures[here] = (count - slips, last if alone is None else alone)
        else:
            self._failures.pop(here, None)

    def telemetry_failed(self, address: str) -> int:
        """Count telemetry with a wrong password; whole seconds its sender should wait."""
        if _is_loopback(address):
            return 0
        key = ("telemetry", address)
        wait = self._wait(key)
        if not wait:
            self._count(key, self._clock())
        return wait

    def _count(self, key: _Key, now: int) -> None:
        count, last = self._failures.pop(key, (0, now))
        self._failures[key] = (1 if now - last > FORGET else count + 1, now)
        while len(self._failures) > BOUND:
            self._failures.popitem(last=False)

    def _wait(self, key: _Key) -> int:
        now = self._clock()
        count, last = self._failures.get(key, (0, now))
        beyond = count - FREE[key[0]]
        if beyond < 0:
            return 0
        until = last + min(2 * SECOND << min(beyond, 20), LONGEST)
        return max(0, -(-(until - now) // SECOND))


def _keys(name: str, address: str) -> tuple[_Key, ...]:
    keys = _pair(name, address), ("name", name)
    return keys if _is_loopback(address) else (*keys, ("address", address))


def _pair(name: str, address: str) -> _Key:
    return "pair", f"{name}@{address}"


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:  # a name, or a socket without addresses
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback
