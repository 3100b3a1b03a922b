"""Registers the simulated county, or one empty site to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from alerting import Limit
from domain.assets import Enterprise, Region, Site
from domain.readings import MICROSECONDS
from service.private_files import replace_private
from simulators.county import County, SiteLimit, county_registry
from store.audit import Actor
from store.county import NewRegistry, add_registry
from store.database import Database

COUNTY_SEED: Final = 1
COUNTY_SITES: Final = 100
PLAYING: Final = "playing"
"""First word of the simulator's line once it plays."""


class Played(msgspec.Struct, frozen=True):
    """What a simulator needs to play a registered county."""

    seed: int
    sites: int
    passwords: dict[str, str]
    """MQTT password by gateway id."""


UNREGISTERED: Final = Played(COUNTY_SEED, COUNTY_SITES, {})
"""What is played where none was registered: the county that `vedette demo` would register."""


def county_file(data_dir: Path) -> Path:
    return data_dir / "simulator" / "county.json"


def keep_county(data_dir: Path, played: Played) -> None:
    """Write the file of the demo's county, readable by its owner only."""
    path = county_file(data_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_private(path, msgspec.json.encode(played))


def kept_county(data_dir: Path) -> Played | None:
    """The demo's county; None where none was registered."""
    try:
        return msgspec.json.decode(county_file(data_dir).read_bytes(), type=Played)
    except FileNotFoundError:
        return None


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
