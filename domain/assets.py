"""What is watched: the region tree, enterprises, sites, zones, gateways, sensors.

Ids of people's objects are short texts that people choose; a sensor's id is a permanent number,
never used again, and (gateway, tag) is its address at a time.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
RegionKind = Literal["county", "town", "park", "village"]


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tree county > town or park > village; the root has no parent."""

    id: str
    name: str
    kind: RegionKind
    parent: str | None = None


class Enterprise(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    region: str
    industry: str = "other"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A place of one enterprise; position in CGCS2000 degrees (taken as WGS-84)."""

    id: str
    name: str
    enterprise: str
    kind: str = "other"
    latitude: float | None = None
    longitude: float | None = None


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a site whose sensors are judged together: a room, a collector, a circuit."""

    id: str
    name: str
    site: str
    kind: str = "other"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """An enterprise's box that speaks MQTT.

    `id` is its MQTT user name and topic level; `number` its row key in columns.
    `silence_s` is how long it may say nothing before it counts as offline (domain 3.4: 300 s).
    """

    id: str
    number: int
    site: str
    name: str = ""
    codec: str = "native"
    silence_s: float = 300.0


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """One measuring point. `range_low`/`range_high` are full scale, in `unit`."""

    id: int
    gateway: str
    tag: str
    measurand: str
    name: str = ""
    zone: str | None = None
    unit: str = ""
    range_low: float | None = None
    range_high: float | None = None
    period_s: float = 60.0
    role: str | None = None
