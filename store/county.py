"""A whole registry added at once, all or nothing: the demo's county, an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerting.limits import Level, Limit
from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from domain.catalogue import catalogue
from store.assets import Asset, insert_asset
from store.audit import Actor
from store.database import Database
from store.gateways import insert_gateway
from store.limits import default_limits
from store.sensors import insert_sensor


@dataclass(frozen=True, slots=True)
class NewRegistry:
    """Rows to add; parents of each may be among them or exist already.

    A sensor whose limits are None gets those of the catalogue. Numbers of gateways and ids of
    sensors are given by the database.
    """

    regions: Sequence[Region] = ()
    enterprises: Sequence[Enterprise] = ()
    sites: Sequence[Site] = ()
    zones: Sequence[Zone] = ()
    gateways: Sequence[Gateway] = ()
    sensors: Sequence[tuple[Sensor, Mapping[Level, Limit] | None]] = ()


async def add_registry(database: Database, new: NewRegistry, *, actor: Actor) -> None:
    """Add all of it, or nothing.

    Raises:
        store.refusals.Refused: the first row that cannot be added, as when added alone.
    """
    known = catalogue()
    async with database.transaction() as connection:
        parents: list[Asset] = [*_parents_first(new.regions), *new.enterprises]
        for asset in (*parents, *new.sites, *new.zones):
            await insert_asset(connection, asset, actor=actor)
        for gateway in new.gateways:
            await insert_gateway(connection, gateway, actor=actor)
        for sensor, limits in new.sensors:
            given = default_limits(known.get(sensor.measurand)) if limits is None else limits
            await insert_sensor(connection, sensor, given, actor=actor)


def _parents_first(regions: Sequence[Region]) -> list[Region]:
    ordered: list[Region] = []
    waiting = list(regions)
    while waiting:
        here = {region.id for region in waiting}
        ready = [region for region in waiting if region.parent not in here]
        if not ready:
            return ordered + waiting  # a ring: the database will say which parent is missing
        ordered += ready
        waiting = [region for region in waiting if region.parent in here]
    return ordered
