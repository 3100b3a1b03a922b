"""The catalogue of measurands, as the screens need it: names, units, states, default limits."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from api.answers import Json, Page, Texts
from api.documented import answers
from api.lists import Cursor, Limit, Listing, listed
from domain.catalogue import CERTAINTY_NAMES, Certainty, Measurand, catalogue

router = APIRouter(tags=["registry"])


class StateView(msgspec.Struct, frozen=True):
    """`code` is the number that is stored."""

    key: str
    code: float
    name: Texts


class DefaultLimitView(msgspec.Struct, frozen=True):
    setpoint: float
    deadband: float
    on_delay_s: float
    off_delay_s: float
    latch: bool
    source: str
    certainty: Certainty
    certainty_name: Texts


class MeasurandView(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    code: str
    name: Texts
    class_: str
    kind: str
    unit: str
    period_s: float
    range_low: float | None
    range_high: float | None
    source: str
    certainty: Certainty
    states: list[StateView]
    limits: dict[str, DefaultLimitView]


@router.get("/catalogue", **answers(Page[MeasurandView], 400, 401, 422))
async def measurands(ask: Listing, limit: Limit = 500, cursor: Cursor = None) -> Response:
    """Every measurand, in order of code."""
    del ask
    rows = catalogue().values()
    return Json(listed(rows, _view, key=lambda row: (row.code,), cursor=cursor, limit=limit))


def _view(row: Measurand) -> MeasurandView:
    return MeasurandView(
        code=row.code,
        name=Texts(row.name["zh-CN"], row.name["en"]),
        class_=row.class_,
        kind=row.kind,
        unit=row.unit,
        period_s=row.period_s,
        range_low=row.range_low,
        range_high=row.range_high,
        source=row.source,
        certainty=row.certainty,
        states=[
            StateView(state.key, state.number, Texts(state.name["zh-CN"], state.name["en"]))
            for state in row.states
        ],
        limits={
            limit.level: DefaultLimitView(
                limit.setpoint,
                limit.deadband,
                limit.on_delay_s,
                limit.off_delay_s,
                limit.latch,
                limit.source,
                limit.certainty,
                Texts(
                    CERTAINTY_NAMES[limit.certainty]["zh-CN"],
                    CERTAINTY_NAMES[limit.certainty]["en"],
                ),
            )
            for limit in row.limits
        },
    )
