"""What a caller may see: everything, or the data of certain enterprises and sites.

Every query that returns an enterprise's data takes a `Scope`; in SQL it is three parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scope:
    """A site is visible when everything is, or its enterprise is, or it is itself.

    An empty scope sees nothing. Make one from an account's node with `Registry.scope_of`.
    """

    everything: bool = False
    enterprises: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()

    def parameters(self) -> tuple[bool, list[str], list[str]]:
        """What `gateways_in_scope` and `sensors_in_scope` expect."""
        return self.everything, sorted(self.enterprises), sorted(self.sites)


ALL: Final = Scope(everything=True)


_GATEWAYS: Final = """
(${everything}::boolean OR {column} IN (
    SELECT scoped.number FROM gateways scoped JOIN sites scoped_site ON scoped_site.id = scoped.site
    WHERE scoped_site.enterprise = ANY(${enterprises}::text[])
       OR scoped_site.id = ANY(${sites}::text[])))
"""

_SENSORS: Final = """
(${everything}::boolean OR EXISTS (
    SELECT FROM (
        SELECT gateway FROM sensor_bindings WHERE sensor = {column} ORDER BY bound_at DESC LIMIT 1
    ) bound WHERE {bound}))
"""


def gateways_in_scope(column: str, first: int) -> str:
    """SQL condition that the gateway number in `column` is in scope, parameters from $`first`."""
    return _GATEWAYS.format(column=column, everything=first, enterprises=first + 1, sites=first + 2)


def sensors_in_scope(column: str, first: int) -> str:
    """SQL condition that a sensor is in scope by where it is, or last was, connected."""
    bound = gateways_in_scope("bound.gateway", first)
    return _SENSORS.format(column=column, everything=first, bound=bound)
