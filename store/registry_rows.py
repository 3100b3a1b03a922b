"""The registry's rows, read from the database in one snapshot."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

import asyncpg
import msgspec

from alerting.limits import Limit
from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from store.connection import Connection
from store.database import Database

Row = TypeVar("Row")


class RegistryRows(msgspec.Struct, frozen=True):
    """Everything a `Registry` is made of; each tuple in order of id."""

    regions: tuple[Region, ...] = ()
    enterprises: tuple[Enterprise, ...] = ()
    sites: tuple[Site, ...] = ()
    zones: tuple[Zone, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    limits: dict[int, tuple[Limit, ...]] = {}
    former_gateways: tuple[Gateway, ...] = ()
    former_sensors: tuple[Sensor, ...] = ()


async def load_rows(database: Database) -> RegistryRows:
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return RegistryRows(
            regions=await _rows(
                connection, Region, "SELECT id, name, kind, parent FROM regions", "id"
            ),
            enterprises=await _rows(
                connection, Enterprise, "SELECT id, name, region, industry FROM enterprises", "id"
            ),
            sites=await _rows(
                connection,
                Site,
                "SELECT id, name, enterprise, kind, latitude, longitude FROM sites",
                "id",
            ),
            zones=await _rows(connection, Zone, "SELECT id, name, site, kind FROM zones", "id"),
            gateways=await _rows(connection, Gateway, _GATEWAYS, "id"),
            sensors=await _rows(connection, Sensor, _SENSORS, "id"),
            limits=await load_limits(connection),
            former_gateways=await _rows(connection, Gateway, _GATEWAYS, "number", live=False),
            former_sensors=await _rows(connection, Sensor, _SENSORS, "id", live=False),
        )


_GATEWAYS = "SELECT id, number, site, name, codec, silence_s FROM gateways"
_SENSORS = """
SELECT id, measurand, name, zone, unit, range_low, range_high, period_s, role, gateway, tag
FROM (
    SELECT s.*, g.id AS gateway, b.tag
    FROM sensors s
    JOIN (
        SELECT DISTINCT ON (sensor) sensor, gateway, tag FROM sensor_bindings
        ORDER BY sensor, bound_at DESC
    ) b ON b.sensor = s.id
    JOIN gateways g ON g.number = b.gateway
) bound
"""


async def _rows(
    connection: Connection, type_: type[Row], query: str, key: str, *, live: bool = True
) -> tuple[Row, ...]:
    removed = "IS NULL" if live else "IS NOT NULL"
    found = await connection.fetch(f"{query} WHERE removed_at {removed} ORDER BY {key}")
    return tuple(type_(**row) for row in found)


async def load_limits(connection: Connection) -> dict[int, tuple[Limit, ...]]:
    """Every live sensor's limits, from the highest down."""
    found: defaultdict[int, list[Limit]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT l.* FROM limits l JOIN sensors s ON s.id = l.sensor WHERE s.removed_at IS NULL "
        "ORDER BY l.sensor, array_position(ARRAY['HH', 'H', 'L', 'LL'], l.level)"
    ):
        found[row["sensor"]].append(limit_of(row))
    return {sensor: tuple(limits) for sensor, limits in found.items()}


def limit_of(row: asyncpg.Record) -> Limit:
    return Limit(
        level=row["level"],
        setpoint=row["setpoint"],
        deadband=row["deadband"],
        on_delay_us=row["on_delay_us"],
        off_delay_us=row["off_delay_us"],
        latch=row["latch"],
        source=row["source"],
    )
