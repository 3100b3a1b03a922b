"""What people edit: limits on a sensor, and the sensors and gateways they apply to."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["HH", "H", "L", "LL"]


class Limit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One alarm limit of a sensor, in the sensor's unit.

    HH and H are exceeded at value >= setpoint and return at value < setpoint - deadband;
    L and LL are exceeded at value <= setpoint and return at value > setpoint + deadband.
    """

    level: Level
    setpoint: float
    deadband: float = 0.0
    on_delay_us: int = 0
    off_delay_us: int = 0
    latch: bool = False
    source: str = ""
    """Standard and clause, or who set it: shown wherever the limit is shown."""


class SensorSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the judge needs to know of a sensor."""

    id: int
    gateway: int
    """The gateway's number."""
    period_us: int
    range_low: float | None = None
    range_high: float | None = None
    limits: tuple[Limit, ...] = ()
    priority_class: str = ""
    """Kind of measurand ("gas", "dust", "power"): tie-break of priorities, texts."""
    out_of_service: bool = False
    suppressed: bool = False
    """Suppressed by design (approved shutdown, collector off): judged, shown apart, not rung."""
    unit: str = ""


class GatewaySpec(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    number: int
    silence_us: int = 300_000_000


def is_beyond(family: str, value: float | None, limit: float | None) -> bool:
    """Whether a value exceeds a limit of its family ("high" or "low"); other families: yes."""
    if family not in {"high", "low"} or limit is None:
        return True
    if value is None:
        return False
    return value >= limit if family == "high" else value <= limit
