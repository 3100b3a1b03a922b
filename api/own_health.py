"""How the service is, in figures, for whoever asks: who sees a part gets that part's figures only.

How far the database is behind in time, and how long a verdict takes, are of the service and for
everybody; how many readings come in, or wait to be stored, tells of the whole county.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from api.ports import Live
from store.scope import Scope

WINDOW_US: Final = 5_000_000
"""Readings a second are counted over about this time, as for the county."""


def figures_for(live: Live, scope: Scope) -> dict[str, Any]:
    """The service's figures without what a scope may not see of them, which is then null."""
    figures = live.health()
    if scope.everything:
        return figures
    return {
        **figures,
        "journal": {**figures["journal"], "lag_readings": None},
        "readings_per_s": None,
        "gateways_online": None,
    }


class OwnHealth:
    """Health frames by scope; remembers a few seconds of each scope that is asked for."""

    def __init__(self, live: Live, clock: Callable[[], int]) -> None:
        self._live = live
        self._clock = clock
        self._heard: dict[Scope, deque[tuple[int, int]]] = {}

    def frame(self, scope: Scope) -> dict[str, Any]:
        """The figures, with the scope's own gateways and readings a second."""
        figures = figures_for(self._live, scope)
        if scope.everything:
            return figures
        registry = self._live.registry
        own = [
            self._live.gateway(gateway.number)
            for gateway in registry.gateways.values()
            if registry.sees_site(scope, gateway.site)
        ]
        return {
            **figures,
            "readings_per_s": self._rate(scope, sum(gateway.readings for gateway in own)),
            "gateways_online": sum(gateway.online is True for gateway in own),
        }

    def _rate(self, scope: Scope, readings: int) -> float:
        now = self._clock()
        for other in [s for s, heard in self._heard.items() if now - heard[-1][0] > 2 * WINDOW_US]:
            del self._heard[other]
        heard = self._heard.setdefault(scope, deque())
        heard.append((now, readings))
        while now - heard[0][0] > WINDOW_US and len(heard) > 2:
            heard.popleft()
        since, before = heard[0]
        return round(max(readings - before, 0) * 1_000_000 / max(now - since, 1), 1)
