"""Alarms: open ones from memory, closed ones from the database, one list in one order.

Newest raised first. Lists of open alarms go on while the database is away.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from alerting import Alarm, Transition
from api.alarm_views import AlarmView, sentences
from api.answers import (
    Json,
    Number,
    Page,
    Texts,
    Time,
    cursor_key,
    cursor_text,
    microseconds,
    rfc3339,
)
from api.documented import answers
from api.edge import Ask, Asking
from api.lists import Cursor, Limit, Listing, ParentId
from api.problems import Problem
from api.situation import UNACKNOWLEDGED
from store.alarms import NO_LEVEL, AlarmFilter, Place, get_alarm, list_alarms, place_of
from store.alarms import timeline as stored_timeline
from store.registry import Registry

router = APIRouter(prefix="/alarms", tags=["alarms"])

ChangeId = tuple[int, int]
"""(position, ordinal) of a transition."""
AlarmId = Annotated[str, Path(pattern=r"^\d{1,18}\.\d{1,9}$")]


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One thing that happened to an alarm."""

    id: str
    at: Time
    event: str
    from_: str
    to: str
    level: str | None
    value: float | None
    limit: float | None
    actor: str | None
    note: str | None
    text: Texts


class Timeline(msgspec.Struct, frozen=True):
    """Oldest first; a cut leaves the newest, and `next` leads to what was before them."""

    items: list[TimelineItem]
    next: str | None = None


@router.get("", **answers(Page[AlarmView], 400, 401, 422, 503))
async def alarms(  # noqa: PLR0913, PLR0917 - one query parameter each
    ask: Listing,
    state: Literal["open", "unacknowledged", "closed"] | None = None,
    level: Literal["HH", "H", "L", "LL", "none"] | None = None,
    kind: Annotated[str | None, Query(pattern="^[a-z_]{1,20}$")] = None,
    priority: Annotated[int | None, Query(ge=1, le=4)] = None,
    enterprise: ParentId = None,
    site: ParentId = None,
    gateway: ParentId = None,
    sensor: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Alarms, the newest raised first; without `state` both open and closed."""
    number = None
    if gateway is not None:
        known = ask.registry.gateways.get(gateway)
        number = -1 if known is None else known.number
    wanted = AlarmFilter(
        state=state,
        level=level,
        kind=kind,
        priority=priority,
        enterprise=enterprise,
        site=site,
        gateway=number,
        sensor=sensor,
        since=None if since is None else microseconds(since),
        until=None if until is None else microseconds(until),
    )
    after = None if cursor is None else cursor_key(cursor, tuple[Number, Number, Number])
    found = [] if state == "closed" else _open(ask, wanted, after)
    if state in (None, "closed"):
        found = await _with_stored(ask, wanted, found, after, limit)
    chosen = found[:limit]
    following = cursor_text(place_of(chosen[-1])) if len(found) > limit else None
    return Json(Page([ask.edge.views.json(ask.registry, alarm) for alarm in chosen], following))


def _open(ask: Ask, wanted: AlarmFilter, after: Place | None) -> list[Alarm]:
    """Open alarms from memory that a filter wants, behind a place, newest first."""
    registry, scope = ask.registry, ask.scope
    rows = [
        alarm
        for alarm in ask.live.open_alarms()
        if registry.sees_gateway(scope, alarm.gateway)
        and _wanted(ask, wanted, alarm)
        and (after is None or place_of(alarm) < after)
    ]
    return sorted(rows, key=place_of, reverse=True)


def _wanted(ask: Ask, wanted: AlarmFilter, alarm: Alarm) -> bool:
    if wanted.state == "unacknowledged" and alarm.state not in UNACKNOWLEDGED:
        return False
    own = {
        "level": alarm.level or NO_LEVEL,
        "kind": alarm.kind,
        "priority": alarm.priority,
        "gateway": alarm.gateway,
        "sensor": alarm.sensor,
    }
    if any(getattr(wanted, field) not in (None, value) for field, value in own.items()):
        return False
    if wanted.since is not None and alarm.raised_at < wanted.since:
        return False
    if wanted.until is not None and alarm.raised_at >= wanted.until:
        return False
    if wanted.site is None and wanted.enterprise is None:
        return True
    at = ask.registry.site_of_gateway(alarm.gateway)
    return (
        at is not None
        and wanted.site in (None, at.id)
        and wanted.enterprise in (None, at.enterprise)
    )


async def _with_stored(
    ask: Ask, wanted: AlarmFilter, held: list[Alarm], after: Place | None, limit: int
) -> list[Alarm]:
    """One alarm more than `limit` if there are so many; memory knows better what is open."""
    stored = await list_alarms(ask.database, ask.scope, wanted, after=after, limit=limit + 1)
    is_open = {alarm.id: alarm for alarm in ask.live.open_alarms()}
    known = {alarm.id: is_open.get(alarm.id) or _closed(ask, alarm) for alarm in stored}
    known |= {alarm.id: alarm for alarm in held}
    return sorted(known.values(), key=place_of, reverse=True)[: limit + 1]


@router.get("/{alarm_id}", **answers(AlarmView, 401, 404, 503))
async def alarm(ask: Asking, alarm_id: AlarmId) -> Response:
    """One alarm, open or closed."""
    found, _ = await seen_alarm(ask, alarm_id)
    return Json(ask.edge.views.json(ask.registry, found))


@router.get("/{alarm_id}/timeline", **answers(Timeline, 400, 401, 404, 422, 503))
async def timeline(
    ask: Listing, alarm_id: AlarmId, limit: Limit = 1000, cursor: Cursor = None
) -> Response:
    """The newest of what happened to an alarm, the oldest of it first."""
    found, _ = await seen_alarm(ask, alarm_id)
    before = None if cursor is None else cursor_key(cursor, tuple[Number, Number])
    changes = sorted((await _changes(ask, alarm_id, before, limit + 1)).items())
    chosen = changes[-limit:]
    items = [
        _item(ask.registry, f"{position}.{ordinal}", change, found.source)
        for (position, ordinal), change in chosen
    ]
    return Json(Timeline(items, cursor_text(chosen[0][0]) if len(changes) > limit else None))


async def _changes(
    ask: Ask, alarm_id: str, before: ChangeId | None, count: int
) -> dict[ChangeId, Transition]:
    """The newest `count` changes of an alarm before an id, and maybe more, by id.

    What the store has, and what it does not have yet.

    Raises:
        DatabaseUnavailable: the older part of the story cannot be read.
    """
    kept = ask.edge.recent.of(alarm_id)
    recent: dict[ChangeId, Transition] = {
        (e.position, e.ordinal): e.transition
        for e in kept
        if before is None or (e.position, e.ordinal) < before
    }
    if any(f"{e.position}.{e.ordinal}" == alarm_id for e in kept):
        return recent  # it was raised within memory, so nothing is missing
    stored = await stored_timeline(ask.database, ask.scope, alarm_id, before=before, limit=count)
    return {(e.position, e.ordinal): e.transition for e in stored} | recent


def _item(registry: Registry, id_: str, change: Transition, source: str) -> TimelineItem:
    return TimelineItem(
        id=id_,
        at=rfc3339(change.decided),
        event=change.event,
        from_=change.from_state,
        to=change.to_state,
        level=change.level,
        value=change.value,
        limit=change.limit,
        actor=change.actor,
        note=change.note,
        text=sentences(registry, change, source=source),
    )


async def seen_alarm(ask: Ask, alarm_id: str) -> tuple[Alarm, bool]:
    """An alarm in the caller's scope, and whether it is open.

    What has just closed is known from the newest changes: the database may not have it yet, or be
    away. Where it knows less than the fold, an alarm that the fold no longer holds is closed.

    Raises:
        Problem: there is none.
        DatabaseUnavailable: it closed long ago, and history cannot be asked.
    """
    for held in ask.live.open_alarms():
        if held.id == alarm_id:
            if ask.registry.sees_gateway(ask.scope, held.gateway):
                return held, True
            raise Problem("not_found")
    newest = ask.edge.recent.newest(alarm_id)
    if newest is not None and not ask.registry.sees_gateway(ask.scope, newest.gateway):
        raise Problem("not_found")
    closed = newest or await get_alarm(ask.database, ask.scope, alarm_id)
    if closed is None:
        raise Problem("not_found")
    return as_closed(closed), False


def _closed(ask: Ask, alarm: Alarm) -> Alarm:
    """An alarm that memory does not hold as open, where the database may still think so."""
    if alarm.state == "normal":
        return alarm
    return as_closed(ask.edge.recent.newest(alarm.id) or alarm)


def as_closed(alarm: Alarm) -> Alarm:
    """As an alarm that is not open stands, whatever whoever remembered it knew."""
    if alarm.state == "normal":
        return alarm
    return msgspec.structs.replace(alarm, state="normal", active=False)
