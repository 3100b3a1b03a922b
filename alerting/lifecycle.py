"""The life of one alarm: the states of ISA-18.2 / IEC 62682 as a table.

Two layers. The **base** of an alarm says what it needs: is it active, acknowledged, latched? It
moves by `BASE`. Over it may lie a **cover** that says why nobody is troubled: shelved by a person
for a time, suppressed by design, or out of service; the uppermost cover is the state people see.
A covered alarm goes on living underneath, and what it needs is seen again when the cover lifts.

An alarm ends when its base is normal and it is not shelved: a shelf is for the alarm that comes
and goes, so it outlasts the return. One that was never rung, because a cover lay over it from the
first, needs no acknowledgement unless it is still there when the cover lifts.

`docs/alarm-lifecycle.md` shows the pictures drawn from these tables.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

from alerting.alarms import RANK, Act, Alarm, AlarmState, RefusalCode, Verb

Event = Literal[
    "activate",
    "escalate",
    "deescalate",
    "return",
    "return_latched",
    "acknowledge",
    "realarm",
    "reset",
]

BASE: Final[dict[AlarmState, dict[Event, AlarmState]]] = {
    "normal": {"activate": "unacknowledged"},
    "unacknowledged": {
        "escalate": "unacknowledged",
        "deescalate": "unacknowledged",
        "return": "returned_unacknowledged",
        "return_latched": "latched_unacknowledged",
        "acknowledge": "acknowledged",
    },
    "acknowledged": {
        "escalate": "unacknowledged",
        "deescalate": "acknowledged",
        "return": "normal",
        "return_latched": "latched_acknowledged",
        "realarm": "unacknowledged",
    },
    "returned_unacknowledged": {"activate": "unacknowledged", "acknowledge": "normal"},
    "latched_unacknowledged": {
        "activate": "unacknowledged",
        "acknowledge": "latched_acknowledged",
        "reset": "returned_unacknowledged",
    },
    "latched_acknowledged": {"activate": "unacknowledged", "reset": "normal"},
}

COVERS: Final[tuple[AlarmState, ...]] = ("out_of_service", "suppressed", "shelved")
"""The covers, uppermost first."""

RINGING: Final[frozenset[AlarmState]] = frozenset(
    {"unacknowledged", "returned_unacknowledged", "latched_unacknowledged"}
)

_LIVING: Final[frozenset[AlarmState]] = frozenset(BASE) - {"normal"}

ACTS: Final[dict[Verb, frozenset[AlarmState]]] = {
    "acknowledge": RINGING,
    "shelve": _LIVING,
    "unshelve": frozenset({"shelved"}),
    "reset": frozenset({"latched_unacknowledged", "latched_acknowledged"}),
    "comment": _LIVING | frozenset(COVERS),
}
"""In which states, as seen, a person may do what."""

ALREADY: Final[dict[Verb, frozenset[AlarmState]]] = {
    "acknowledge": frozenset({"acknowledged", "latched_acknowledged"}),
    "shelve": frozenset({"shelved"}),
    "unshelve": _LIVING,
    "reset": frozenset({"returned_unacknowledged"}),
    "comment": frozenset(),
}
"""In which states the act has nothing left to do."""


class Cover(NamedTuple):
    """The covers that lie over an alarm by design, apart from its shelf."""

    out_of_service: bool = False
    suppressed: bool = False

    def __bool__(self) -> bool:
        return self.out_of_service or self.suppressed


NO_COVER: Final = Cover()


def base_of(alarm: Alarm) -> AlarmState:
    """What the alarm needs, whatever covers it."""
    quiet = alarm.acknowledged or not alarm.annunciated
    if alarm.active:
        return "acknowledged" if quiet else "unacknowledged"
    if alarm.latched:
        return "latched_acknowledged" if quiet else "latched_unacknowledged"
    return "normal" if quiet else "returned_unacknowledged"


def seen(alarm: Alarm, cover: Cover) -> AlarmState:
    """The state people see."""
    base = base_of(alarm)
    if base == "normal" and alarm.shelved_until is None:
        return "normal"
    if cover.out_of_service:
        return "out_of_service"
    if cover.suppressed:
        return "suppressed"
    return base if alarm.shelved_until is None else "shelved"


def moved(alarm: Alarm, event: Event, cover: Cover) -> Alarm:
    """The alarm after an event of `BASE` that its base allows.

    Raises:
        KeyError: the table has no such move; a fault of the caller.
    """
    base = BASE[base_of(alarm)][event]
    alarm = msgspec.structs.replace(
        alarm,
        active=base in {"unacknowledged", "acknowledged"},
        acknowledged=alarm.annunciated and base not in RINGING,
        latched=alarm.latched and event != "reset",
    )
    if base in RINGING:
        alarm = msgspec.structs.replace(alarm, acknowledged_by=None, acknowledged_at=None)
    return covered(alarm, cover)


def returned(alarm: Alarm, cover: Cover) -> Alarm:
    """The alarm after its last condition has returned: latched if any of them latches."""
    return moved(alarm, "return_latched" if alarm.latched else "return", cover)


def covered(alarm: Alarm, cover: Cover) -> Alarm:
    """The alarm seen under a cover. Where no design cover is left, what is there now rings."""
    if not cover and not alarm.annunciated:
        alarm = msgspec.structs.replace(alarm, annunciated=base_of(alarm) != "normal")
    return msgspec.structs.replace(alarm, state=seen(alarm, cover))


def refused(alarm: Alarm, act: Act, max_shelf_us: int) -> RefusalCode | None:
    """Why an act is not legal now, or None.

    An operator who saw another state is refused, with one exception: an acknowledgement still
    holds for an alarm that has returned meanwhile, because it still needs just that. One who saw
    a lower level is refused always: what he answers is not what there is.
    """
    if alarm.state not in ACTS[act.verb]:
        return "already" if alarm.state in ALREADY[act.verb] else "not_allowed"
    if act.verb == "comment":
        return None
    if act.seen_level is not None and RANK[alarm.level] > RANK[act.seen_level]:
        return "changed"
    if act.seen not in {None, alarm.state} and not (
        act.verb == "acknowledge" and act.seen == "unacknowledged" and not alarm.active
    ):
        return "changed"
    return _refused_shelf(act, max_shelf_us) if act.verb == "shelve" else None


def _refused_shelf(act: Act, max_shelf_us: int) -> RefusalCode | None:
    if not act.note.strip():
        return "reason_required"
    if act.until is None or act.until <= act.at:
        return "shelf_in_past"
    return "shelf_too_long" if act.until - act.at > max_shelf_us else None


def acted(alarm: Alarm, act: Act, cover: Cover) -> Alarm:
    """The alarm after an act that `refused` did not refuse."""
    if act.verb == "acknowledge":
        alarm = moved(alarm, "acknowledge", cover)
        return msgspec.structs.replace(alarm, acknowledged_by=act.actor, acknowledged_at=act.at)
    if act.verb == "reset":
        return moved(alarm, "reset", cover)
    if act.verb == "shelve":
        alarm = msgspec.structs.replace(
            alarm, shelved_until=act.until, shelve_reason=act.note, shelved_by=act.actor
        )
        return covered(alarm, cover)
    return unshelved(alarm, cover) if act.verb == "unshelve" else alarm


def unshelved(alarm: Alarm, cover: Cover) -> Alarm:
    """The alarm without its shelf."""
    bare = msgspec.structs.replace(alarm, shelved_until=None, shelve_reason=None, shelved_by=None)
    return covered(bare, cover)
