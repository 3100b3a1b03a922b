"""One occurrence of trouble: the alarm row, the transitions that made it, the acts of people."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from alerting.limits import Level

Family = Literal["high", "low", "stale", "clock"]
AlarmKind = Literal["limit", "stale", "range", "mismatch"]
AlarmState = Literal[
    "normal",
    "unacknowledged",
    "acknowledged",
    "returned_unacknowledged",
    "latched_unacknowledged",
    "latched_acknowledged",
    "shelved",
    "suppressed",
    "out_of_service",
]
Verb = Literal["acknowledge", "shelve", "unshelve", "comment", "reset"]
ConditionState = Literal["normal", "pending", "active", "clearing"]

RANK: Final[dict[str | None, int]] = {None: 0, "H": 1, "L": 1, "HH": 2, "LL": 2}
"""How bad a level is."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One alarm row per (target, family, episode). Times int64 µs UTC."""

    id: str
    """`"{position}.{ordinal}"` of the transition that raised it; given by the fold."""
    sensor: int | None
    """Sensor id, or None for an alarm of a whole gateway."""
    gateway: int
    """Gateway number."""
    family: Family
    kind: AlarmKind
    level: str | None
    """HH, H, L, LL, or None. The current level, or the last one when returned."""
    highest_level: str | None
    priority: int
    """1-4: red, orange, yellow, blue."""
    state: AlarmState
    active: bool
    acknowledged: bool
    latched: bool
    raised_at: int
    """Event time of the first activation."""
    cleared_at: int | None
    value: float | None
    """The value that made the last change of level; full scale when over range."""
    limit: float | None
    on_delay_us: int
    source: str
    """Of the limit: standard and clause."""
    count: int
    """Activations in this episode."""
    annunciated: bool = True
    """False while it has only ever been suppressed or out of service: nobody need acknowledge it."""
    over_range: bool = False
    late: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: int | None = None
    shelved_until: int | None = None
    shelve_reason: str | None = None
    shelved_by: str | None = None
    position: int = 0
    """Journal position of the last change."""
    ordinal: int = 0


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something changed. Its id is (journal position, ordinal), both given by the fold.

    `what` is "condition" for the machine of one limit (from/to are `ConditionState`) and
    "alarm" for the life-cycle (from/to are `AlarmState`, `event` says why).
    """

    what: Literal["condition", "alarm"]
    event: str
    """Condition: its level or kind ("HH", "stale"). Alarm: raise, escalate, deescalate, return,
    reactivate, acknowledge, shelve, unshelve, shelf_expired, shelf_broken, reset, realarm,
    suppress, unsuppress, out_of_service, in_service, comment, close; lost (by the store: the
    journal that knew how it went on is gone)."""
    from_state: str
    to_state: str
    sensor: int | None
    gateway: int
    family: Family
    time: int
    """Event time, int64 µs UTC."""
    decided: int
    """Server time that decided it: receive time of the reading, the tick, or the act."""
    value: float | None = None
    limit: float | None = None
    level: str | None = None
    alarm: str | None = None
    actor: str | None = None
    note: str | None = None
    reason: int = 0
    """`Reason` bits of the reading that decided it."""


RefusalCode = Literal[
    "unknown_alarm",
    "already",
    "not_allowed",
    "changed",
    "reason_required",
    "shelf_too_long",
    "shelf_in_past",
]
"""`already`: the alarm is as the act would make it; `changed`: it is not as the operator saw it."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator did, with the state and level he saw. Journalled before it is judged.

    What is None in `seen` and `seen_level` is not compared.
    """

    id: str
    """Unique; made by the caller, so that an answer can find its question."""
    verb: Verb
    alarm: str
    actor: str
    at: int
    """Server time, int64 µs UTC."""
    seen: AlarmState | None = None
    seen_level: Level | None = None
    note: str = ""
    until: int | None = None
    """Shelve: end, int64 µs UTC."""

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Act:
        return msgspec.msgpack.decode(payload, type=cls)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an act was not legal, and the alarm as it stands (None: there is no such open alarm)."""

    act: str
    code: RefusalCode
    alarm: Alarm | None
