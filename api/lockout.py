"""Slows down guessing: failed sign-ins by name at an address, by address, and by name.

So a stranger's guesses make the stranger wait, not the duty officer he guesses at: a name alone
waits only after many failures from everywhere. The first five failures are free; from then on each doubles the wait, from 2 s to 15 minutes. A success
forgets the name's failures; an hour without one forgets them too. The table is bounded: when it
is full the longest-quiet entry goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

SECOND: Final = 1_000_000
FREE: Final = {"pair": 5, "address": 20, "name": 100}
"""Failures before a wait; an address may be many people behind one router."""
LONGEST: Final = 900 * SECOND
FORGET: Final = 3600 * SECOND
BOUND: Final = 10_000


class Lockout:
    """Counts failures; `clock` gives server time in µs."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def wait_s(self, *, name: str, address: str) -> int:
        """Whole seconds until the next try is heard; 0 when it may go on."""
        now = self._clock()
        return max(self._wait(key, now) for key in _keys(name, address))

    def failed(self, *, name: str, address: str) -> None:
        now = self._clock()
        for key in _keys(name, address):
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - last > FORGET else count + 1, now)
        while len(self._failures) > BOUND:
            self._failures.popitem(last=False)

    def succeeded(self, *, name: str, address: str) -> None:
        self._failures.pop(("pair", f"{name}@{address}"), None)
        self._failures.pop(("name", name), None)

    def _wait(self, key: tuple[str, str], now: int) -> int:
        count, last = self._failures.get(key, (0, now))
        beyond = count - FREE[key[0]]
        if beyond < 0:
            return 0
        until = last + min(2 * SECOND << min(beyond, 20), LONGEST)
        return max(0, -(-(until - now) // SECOND))


def _keys(name: str, address: str) -> tuple[tuple[str, str], ...]:
    return ("pair", f"{name}@{address}"), ("address", address), ("name", name)
