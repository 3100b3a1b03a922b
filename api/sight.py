"""Which gateways a screen may show, so that it starts over when that has changed under it.

A gateway that is moved to another site, or a user who gets another scope, changes what a screen
may see without any alarm having an event: the old owner's screen would keep an alarm for ever, the
new one's would never show it.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.ports import Live
from store.registry import Registry
from store.scope import Scope


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What a scope sees at a time: numbers of gateways, None for every one there is."""

    gateways: frozenset[int] | None


class Sights:
    """Works each scope's sight out once a registry."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._registry: Registry | None = None
        self._known: dict[Scope, Sight] = {}

    def of(self, scope: Scope) -> Sight:
        """What a scope sees now."""
        registry = self._live.registry
        if registry is not self._registry:
            self._registry, self._known = registry, {}
        sight = self._known.get(scope)
        if sight is None:
            sight = self._known[scope] = Sight(_gateways(registry, scope))
        return sight

    def must_start_over(self, before: Sight, now: Sight) -> bool:
        """Whether a screen shows alarms it may not, or lacks some it should show."""
        if before is now or before.gateways == now.gateways:
            return False
        if before.gateways is None or now.gateways is None:
            return True
        if before.gateways - now.gateways:
            return True
        came = now.gateways - before.gateways
        return any(alarm.gateway in came for alarm in self._live.open_alarms())


def _gateways(registry: Registry, scope: Scope) -> frozenset[int] | None:
    if scope.everything:
        return None
    return frozenset(n for n in registry.gateway_numbers if registry.sees_gateway(scope, n))
