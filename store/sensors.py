"""Changes to sensors. An id is for ever; (gateway, tag) is an address for a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from alerting.limits import Level, Limit
from domain.assets import Sensor
from domain.catalogue import Measurand, catalogue
from store.assets import check_text
from store.audit import Actor, write_audit
from store.connection import Connection
from store.database import Database
from store.limits import check_limits, insert_limits, note_change
from store.refusals import Invalid, NotFound, refusing

LONGEST_TAG: Final = 128


async def add_sensor(
    database: Database, sensor: Sensor, limits: Mapping[Level, Limit], *, actor: Actor
) -> Sensor:
    """Add a sensor with its limits; its `id` is given by the database, whatever it was.

    Empty unit and absent range ends are taken from the catalogue. Limits are taken as given: the
    caller merges in the catalogue's (`store.limits.default_limits`, `complete`).

    Raises:
        Invalid: a value that cannot be, an unknown measurand included.
        NotFound: there is no such gateway, or no such zone at its site.
        Conflict: the gateway has a sensor with this tag.
    """
    async with database.transaction() as connection:
        return await insert_sensor(connection, sensor, limits, actor=actor)


async def insert_sensor(
    connection: Connection, sensor: Sensor, limits: Mapping[Level, Limit], *, actor: Actor
) -> Sensor:
    """`add_sensor` within the caller's transaction."""
    sensor = _completed(sensor)
    check_limits(limits, sensor.range_low, sensor.range_high)
    gateway = await _gateway(connection, sensor)
    id_ = await connection.fetchval(
        "INSERT INTO sensors (measurand, name, zone, unit, range_low, range_high, period_s, role) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        *_columns(sensor),
    )
    added = msgspec.structs.replace(sensor, id=id_)
    await _bind(connection, added, gateway, at=actor.at)
    await insert_limits(connection, [(id_, limit) for limit in limits.values()])
    await note_change(connection, id_, {}, limits, reason="added", actor=actor)
    await write_audit(connection, actor, "add", "sensor", id_, added)
    return added


async def update_sensor(database: Database, sensor: Sensor, *, actor: Actor) -> Sensor:
    """Replace everything of a sensor but its id and limits.

    Another gateway or tag is a new address: the old one is free from `actor.at` on.

    Raises:
        Invalid: a value that cannot be; another measurand; a range that cuts off a limit.
        NotFound: there is no such sensor, gateway or zone.
        Conflict: the new address is taken.
    """
    sensor = _completed(sensor)
    async with database.transaction() as connection:
        before = await connection.fetchrow(
            "SELECT s.measurand, b.gateway, b.tag FROM sensors s "
            "JOIN sensor_bindings b ON b.sensor = s.id AND b.unbound_at IS NULL "
            "WHERE s.id = $1 AND s.removed_at IS NULL FOR UPDATE",
            sensor.id,
        )
        if before is None:
            raise NotFound("sensor", sensor.id)
        if before["measurand"] != sensor.measurand:
            raise Invalid("measurand", "a sensor keeps its measurand; add another sensor")
        await _check_range(connection, sensor)
        gateway = await _gateway(connection, sensor)
        await connection.execute(
            "UPDATE sensors SET measurand = $2, name = $3, zone = $4, unit = $5, range_low = $6, "
            "range_high = $7, period_s = $8, role = $9 WHERE id = $1",
            sensor.id,
            *_columns(sensor),
        )
        if (gateway, sensor.tag) != (before["gateway"], before["tag"]):
            await _unbind(connection, sensor.id, at=actor.at)
            await _bind(connection, sensor, gateway, at=actor.at)
        await write_audit(connection, actor, "update", "sensor", sensor.id, sensor)
    return sensor


async def remove_sensor(database: Database, id_: int, *, actor: Actor) -> None:
    """Remove a sensor; what it measured stays, its address is free.

    Raises:
        NotFound: there is no such sensor.
    """
    async with database.transaction() as connection:
        found = await connection.fetchval(
            "UPDATE sensors SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL RETURNING id",
            id_,
            actor.at,
        )
        if found is None:
            raise NotFound("sensor", id_)
        await _unbind(connection, id_, at=actor.at)
        await write_audit(connection, actor, "remove", "sensor", id_)


def _completed(sensor: Sensor) -> Sensor:
    """The sensor with the catalogue's unit and range where it has none of its own; checked."""
    measurand = catalogue().get(sensor.measurand)
    if measurand is None:
        raise Invalid("measurand", f"{sensor.measurand!r} is not in the catalogue")
    low = measurand.range_low if sensor.range_low is None else sensor.range_low
    high = measurand.range_high if sensor.range_high is None else sensor.range_high
    sensor = msgspec.structs.replace(
        sensor, unit=sensor.unit or measurand.unit, range_low=low, range_high=high
    )
    _check(sensor, measurand)
    return sensor


def _check(sensor: Sensor, measurand: Measurand) -> None:
    check_text("tag", sensor.tag, longest=LONGEST_TAG, required=True)
    check_text("name", sensor.name)
    check_text("unit", sensor.unit, longest=32)
    if measurand.unit and sensor.unit != measurand.unit:
        raise Invalid("unit", f"{measurand.code} is kept in {measurand.unit}")
    for field, end in (("low", sensor.range_low), ("high", sensor.range_high)):
        if end is not None and not math.isfinite(end):
            raise Invalid(f"range.{field}", "must be a finite number")
    if (
        sensor.range_low is not None
        and sensor.range_high is not None
        and sensor.range_low >= sensor.range_high
    ):
        raise Invalid("range", "its low end must lie below its high end")
    if not (math.isfinite(sensor.period_s) and 0.001 <= sensor.period_s <= 2_678_400):
        raise Invalid("period_s", "must lie between 1 ms and 31 days")


async def _check_range(connection: Connection, sensor: Sensor) -> None:
    cut = await connection.fetchval(
        "SELECT level FROM limits WHERE sensor = $1 AND "
        "(setpoint < $2::float8 OR setpoint > $3::float8) LIMIT 1",
        sensor.id,
        sensor.range_low,
        sensor.range_high,
    )
    if cut is not None:
        raise Invalid("range", f"limit {cut} would lie outside it; change the limit first")


def _columns(sensor: Sensor) -> tuple[object, ...]:
    return (
        sensor.measurand,
        sensor.name,
        sensor.zone,
        sensor.unit,
        sensor.range_low,
        sensor.range_high,
        sensor.period_s,
        sensor.role,
    )


async def _gateway(connection: Connection, sensor: Sensor) -> int:
    """Number of the sensor's gateway; its zone must be at the gateway's site."""
    row = await connection.fetchrow(
        "SELECT number, site FROM gateways WHERE id = $1 AND removed_at IS NULL FOR KEY SHARE",
        sensor.gateway,
    )
    if row is None:
        raise NotFound("gateway", sensor.gateway)
    if sensor.zone is not None:
        zone = await connection.fetchval(
            "SELECT id FROM zones WHERE id = $1 AND site = $2 AND removed_at IS NULL FOR KEY SHARE",
            sensor.zone,
            row["site"],
        )
        if zone is None:
            raise NotFound("zone", sensor.zone)
    return int(row["number"])


async def _bind(connection: Connection, sensor: Sensor, gateway: int, *, at: int) -> None:
    with refusing(f"gateway {sensor.gateway!r} already has a sensor with tag {sensor.tag!r}"):
        await connection.execute(
            "INSERT INTO sensor_bindings (sensor, bound_at, gateway, tag) VALUES ($1, $2, $3, $4)",
            sensor.id,
            at,
            gateway,
            sensor.tag,
        )


async def _unbind(connection: Connection, sensor: int, *, at: int) -> None:
    await connection.execute(
        "UPDATE sensor_bindings SET unbound_at = greatest($2, bound_at) "
        "WHERE sensor = $1 AND unbound_at IS NULL",
        sensor,
        at,
    )
