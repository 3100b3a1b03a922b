"""Registers the simulated county, or one empty site to begin with."""

from __future__ import annotations

from typing import Final

from alerting import Limit
from domain.assets import Enterprise, Region, Site
from domain.readings import MICROSECONDS
from simulators.county import County, SiteLimit, county_registry
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database

COUNTY_SEED: Final = 1


async def register_county(database: Database, *, sites: int, actor: Actor) -> County:
    """Write the seeded county, all or nothing; limits not its own come from the catalogue."""
    county = county_registry(COUNTY_SEED, sites)
    await add_registry(
        database,
        NewRegistry(
            regions=county.regions,
            enterprises=county.enterprises,
            sites=county.sites,
            zones=county.zones,
            gateways=county.gateways,
            sensors=[
                (
                    sensor,
                    None
                    if sensor.id not in county.limits
                    else {limit.level: limit for limit in map(_limit, county.limits[sensor.id])},
                )
                for sensor in county.sensors
            ],
        ),
        actor=actor,
    )
    return county


def _limit(given: SiteLimit) -> Limit:
    return Limit(
        level=given.level,
        setpoint=given.setpoint,
        deadband=given.deadband,
        on_delay_us=round(given.on_delay_s * MICROSECONDS),
        off_delay_us=round(given.off_delay_s * MICROSECONDS),
        latch=given.latch,
        source=given.source,
    )


async def register_starter(database: Database, *, actor: Actor) -> None:
    """One county, one enterprise, one site: enough to connect a first gateway to."""
    await add_registry(
        database,
        NewRegistry(
            regions=(Region(id="county", name="本县", kind="county"),),
            enterprises=(Enterprise(id="enterprise-1", name="第一家企业", region="county"),),
            sites=(Site(id="site-1", name="一号场所", enterprise="enterprise-1"),),
        ),
        actor=actor,
    )
