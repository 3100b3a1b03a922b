"""Readings of one sensor over a time, as columns: raw, or per minute or hour."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from api.answers import Json, Time, microseconds
from api.documented import answers
from api.edge import Asking
from api.lists import SensorId
from api.problems import FieldError, Problem
from store.readings import ReadingColumns, query

router = APIRouter(prefix="/sensors", tags=["readings"])

HOUR_US = 3_600_000_000


class Readings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Columns of equal length, oldest first.

    Raw has `value`, `quality`, `reason`; roll-ups have
    `min`, `mean`, `max`, `last`, `count`, `good` for the time that begins at `ts`. `more`: later
    ones were left out by `limit`.
    """

    sensor: int
    unit: str
    resolution: Literal["raw", "1m", "1h"]
    ts: list[Time | int]
    more: bool
    value: list[float | None] | None = None
    quality: list[int] | None = None
    reason: list[int] | None = None
    min: list[float | None] | None = None
    mean: list[float | None] | None = None
    max: list[float | None] | None = None
    last: list[float | None] | None = None
    count: list[int] | None = None
    good: list[int] | None = None


@router.get("/{sensor_id}/readings", **answers(Readings, 401, 404, 422, 503))
async def readings(
    ask: Asking,
    sensor_id: SensorId,
    start: Annotated[AwareDatetime | None, Query(description="default: an hour before end")] = None,
    end: Annotated[AwareDatetime | None, Query(description="default: now")] = None,
    resolution: Literal["auto", "raw", "1m", "1h"] = "auto",
    limit: Annotated[int, Query(ge=1, le=50_000)] = 2_000,
    times: Annotated[
        Literal["rfc3339", "ms"], Query(description="ms: since the epoch, for charts")
    ] = "rfc3339",
) -> Response:
    """Readings with start <= time < end."""
    until = ask.edge.clock() + 1 if end is None else microseconds(end)
    since = until - HOUR_US if start is None else microseconds(start)
    if since >= until:
        raise Problem("invalid", errors=[FieldError("start", "must lie before end")])
    found = await query(
        ask.database,
        ask.scope,
        sensor_id,
        start=since,
        end=until,
        resolution=resolution,
        limit=limit,
    )
    if found is None:
        raise Problem("not_found")
    sensor = ask.registry.sensor(sensor_id)
    return Json(_shown(sensor_id, "" if sensor is None else sensor.unit, found, times))


def _shown(sensor: int, unit: str, found: ReadingColumns, times: str) -> Readings:
    return Readings(
        sensor=sensor,
        unit=unit,
        resolution=found.resolution,
        ts=[us // 1000 for us in found.ts] if times == "ms" else _rfc3339(found.ts),
        more=found.more,
        value=found.value,
        quality=found.quality,
        reason=found.reason,
        min=found.low,
        mean=found.mean,
        max=found.high,
        last=found.last,
        count=found.readings,
        good=found.good,
    )


def _rfc3339(column: list[int]) -> list[str | int]:
    """A whole column at once: to the millisecond, or all to the microsecond where one needs it."""
    moments = np.array(column, dtype="datetime64[us]")
    whole = not (moments.astype(np.int64) % 1000).any()
    texts: list[str] = np.datetime_as_string(moments, unit="ms" if whole else "us").tolist()
    return [text + "Z" for text in texts]
