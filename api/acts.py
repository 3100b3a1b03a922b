"""What operators do to an alarm: journalled, folded, and answered from the fold.

The act carries the state and level the operator saw. Whoever comes second gets 409 with the alarm as it
stands. Acts work while the database is away.
"""

from __future__ import annotations

import uuid
from typing import Final

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from alerting import Act, Alarm, AlarmState, Level, Refusal, Verb
from api.alarm_views import AlarmView
from api.alarms import AlarmId, as_closed, seen_alarm
from api.answers import Json
from api.bodies import Body
from api.documented import answers
from api.edge import Ask, Commenting, Operating
from api.problems import FieldError, Problem

router = APIRouter(prefix="/alarms", tags=["alarms"])

MINUTE_US = 60_000_000
LONGEST_SHELF_H = 8


class ActBody(Body):
    """`seen`, `seen_level`: state and level the operator had on his screen; null is not compared."""

    seen: AlarmState | None = None
    seen_level: Level | None = None


class Acknowledgement(ActBody):
    note: str = Field(default="", max_length=500, examples=["已派张三现场核查"])


class Shelving(ActBody):
    minutes: int = Field(ge=1, le=LONGEST_SHELF_H * 60, examples=[30])
    reason: str = Field(min_length=1, max_length=500, examples=["探头标定"])


class Comment(ActBody):
    note: str = Field(min_length=1, max_length=500)


@router.post("/{alarm_id}/acknowledge", **answers(AlarmView, 401, 403, 404, 409, 422, 503))
async def acknowledge(
    ask: Operating, alarm_id: AlarmId, body: Acknowledgement | None = None
) -> Response:
    """Say that somebody is on it."""
    given = body or Acknowledgement()
    return await _done(ask, alarm_id, "acknowledge", given, note=given.note)


@router.post("/{alarm_id}/shelve", **answers(AlarmView, 401, 403, 404, 409, 422, 503))
async def shelve(ask: Operating, alarm_id: AlarmId, body: Shelving) -> Response:
    """Set aside for a time, with a reason; a higher level breaks it."""
    until = ask.edge.clock() + body.minutes * MINUTE_US
    return await _done(ask, alarm_id, "shelve", body, note=body.reason, until=until)


@router.post("/{alarm_id}/unshelve", **answers(AlarmView, 401, 403, 404, 409, 503))
async def unshelve(ask: Operating, alarm_id: AlarmId, body: ActBody | None = None) -> Response:
    """Take it back before its time."""
    return await _done(ask, alarm_id, "unshelve", body or ActBody())


@router.post("/{alarm_id}/comment", **answers(AlarmView, 401, 403, 404, 409, 422, 503))
async def comment(ask: Commenting, alarm_id: AlarmId, body: Comment) -> Response:
    """Add a remark to its time line."""
    return await _done(ask, alarm_id, "comment", body, note=body.note)


@router.post("/{alarm_id}/reset", **answers(AlarmView, 401, 403, 404, 409, 503))
async def reset(ask: Operating, alarm_id: AlarmId, body: ActBody | None = None) -> Response:
    """Release a latched alarm whose cause is gone."""
    return await _done(ask, alarm_id, "reset", body or ActBody())


async def _done(
    ask: Ask, alarm_id: str, verb: Verb, body: ActBody, *, note: str = "", until: int | None = None
) -> Response:
    found, is_open = await seen_alarm(ask, alarm_id)
    if not is_open:
        raise Problem("act_closed", alarm=_json(ask, found))
    act = Act(
        id=uuid.uuid4().hex,
        verb=verb,
        alarm=alarm_id,
        actor=ask.user.name,
        at=ask.edge.clock(),
        seen=body.seen,
        seen_level=body.seen_level,
        note=note,
        until=until,
    )
    answer = await ask.live.act(act)
    if isinstance(answer, Refusal):
        raise _refused(ask, answer, found)
    return Json(_json(ask, answer))


_REFUSALS: Final = {
    "changed": "act_changed",
    "already": "act_already",
    "shelf_in_past": "shelf_in_past",
}
"""Problems by code of refusal, where the texts need no more than the state."""


def _refused(ask: Ask, refusal: Refusal, before: Alarm) -> Problem:
    if refusal.alarm is None:
        newest = as_closed(ask.edge.recent.newest(before.id) or before)
        return Problem("act_closed", alarm=_json(ask, newest))
    if refusal.code == "reason_required":
        return Problem("invalid", errors=[FieldError("reason", "must say why")])
    alarm = _json(ask, refusal.alarm)
    if refusal.code == "shelf_too_long":
        return Problem("shelf_too_long", alarm=alarm, hours=LONGEST_SHELF_H)
    slug = _REFUSALS.get(refusal.code, "act_not_allowed")
    return Problem(slug, alarm=alarm, state=refusal.alarm.state)


def _json(ask: Ask, alarm: Alarm) -> msgspec.Raw:
    return ask.edge.views.json(ask.registry, alarm)
