"""What people edit, as the fold takes it: every sensor, every gateway, and the timing of alarms.

A `ProgramChange` is the journal's form of an edit. It carries whole sensors and gateways, so that
folding it twice is the same as folding it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from alerting.limits import GatewaySpec, SensorSpec

HOUR_US: Final = 3_600_000_000


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Times that hold for every alarm.

    Attributes:
        realarm_us: an acknowledged alarm that is still active rings again after this; 0 = never.
        max_shelf_us: the longest an alarm may be shelved.
    """

    realarm_us: int = 0
    max_shelf_us: int = 8 * HOUR_US


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a program is compiled from. Sensors by id, gateways by number."""

    sensors: Mapping[int, SensorSpec] = {}
    gateways: Mapping[int, GatewaySpec] = {}
    timing: Timing = Timing()

    def to_bytes(self) -> bytes:
        """Equal configurations give equal bytes."""
        ordered = Configuration(
            sensors=dict(sorted(self.sensors.items())),
            gateways=dict(sorted(self.gateways.items())),
            timing=self.timing,
        )
        return msgspec.msgpack.encode(ordered)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Configuration:
        return msgspec.msgpack.decode(payload, type=cls)


class ProgramChange(msgspec.Struct, frozen=True, kw_only=True):
    """An edit, journalled before it takes effect.

    With `full` the sensors and gateways given are all there are; otherwise they are added or
    replaced one by one, and the removed ones go. `timing` None leaves the timing as it is.
    """

    at: int
    """Server time, int64 µs UTC."""
    full: bool = False
    sensors: tuple[SensorSpec, ...] = ()
    gateways: tuple[GatewaySpec, ...] = ()
    removed_sensors: tuple[int, ...] = ()
    removed_gateways: tuple[int, ...] = ()
    timing: Timing | None = None

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, payload: bytes) -> ProgramChange:
        return msgspec.msgpack.decode(payload, type=cls)

    def applied_to(self, configuration: Configuration) -> Configuration:
        """The configuration after this change."""
        sensors = {} if self.full else dict(configuration.sensors)
        gateways = {} if self.full else dict(configuration.gateways)
        for number in self.removed_gateways:
            gateways.pop(number, None)
        for sensor in self.removed_sensors:
            sensors.pop(sensor, None)
        gateways.update((gateway.number, gateway) for gateway in self.gateways)
        sensors.update((sensor.id, sensor) for sensor in self.sensors)
        return Configuration(
            sensors=sensors,
            gateways=gateways,
            timing=configuration.timing if self.timing is None else self.timing,
        )
