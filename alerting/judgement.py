"""One entry at work: the state being written, and the record of what changed.

Here conditions turn into alarms. A target (one sensor or gateway, one family) has at most one open
alarm; its episode begins when a condition becomes active and ends as `alerting.lifecycle` says.
What changes an alarm passes `_record`, so every change is a transition with an ordinal; but for a
latch given by an edit to an alarm that is active, which changes nothing anybody sees.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from alerting.alarms import RANK, Alarm, AlarmKind, Family, Transition
from alerting.conditions import ACTIVE, CLEARING, NAMES
from alerting.lifecycle import NO_COVER, Cover, covered, moved, returned, unshelved
from alerting.limits import is_beyond
from alerting.outcome import Outcome, Verdict
from alerting.program import LEVELS, WORST_FIRST, Program
from alerting.state import Draft
from domain.readings import MICROSECONDS, Reason

PRIORITY: Final[dict[str, int]] = {"HH": 2, "LL": 2, "H": 3, "L": 3}
"""Orange and yellow; red is for warnings, which stand above alarms."""
_BEYOND: Final = int(Reason.OVER_RANGE | Reason.UNDER_RANGE)


class Cause(NamedTuple):
    """What decided a change: its event time, the server time, the value and its reason bits."""

    time: int
    decided: int
    value: float | None = None
    reason: int = 0
    actor: str | None = None
    note: str | None = None


class Trouble(NamedTuple):
    """An active condition, as its alarm shows it."""

    sensor: int | None
    gateway: int
    family: Family
    kind: AlarmKind
    priority: int
    limit: float | None
    level: str | None = None
    on_delay_us: int = 0
    source: str = ""
    latch: bool = False


class Judgement:
    """Collects the outcome of one entry while its draft is written."""

    __slots__ = ("_changed", "_position", "draft", "program", "transitions")

    def __init__(self, program: Program, draft: Draft, position: int) -> None:
        self.program = program
        self.draft = draft
        self._position = position
        self.transitions: list[Transition] = []
        self._changed: dict[str, Alarm] = {}

    def outcome(self, verdict: Verdict | None = None) -> Outcome:
        return Outcome(tuple(self.transitions), tuple(self._changed.values()), verdict)

    def cover_of(self, alarm: Alarm) -> Cover:
        """The covers that lie over an open alarm by design."""
        if alarm.sensor is None:
            return NO_COVER
        return self.cover_at(self.program.sensors.row(alarm.sensor), alarm.family)

    def cover_at(self, row: int, family: Family) -> Cover:
        muted = family == "stale" and bool(self.draft.conditions.muted[row])
        suppressed = muted or bool(self.program.suppressed[row])
        return Cover(bool(self.program.out_of_service[row]), suppressed)

    def condition(
        self, row: int, slot: int, before: int, after: int, cause: Cause, limit: float
    ) -> None:
        """Record that one limit's machine moved."""
        program = self.program
        self.transitions.append(
            Transition(
                what="condition",
                event=LEVELS[slot],
                from_state=NAMES[before],
                to_state=NAMES[after],
                sensor=int(program.sensor[row]),
                gateway=int(program.gateway[program.sensor_gateway[row]]),
                family="high" if slot < 2 else "low",
                time=cause.time,
                decided=cause.decided,
                value=cause.value,
                limit=limit,
                level=LEVELS[slot],
                note=cause.note,
                reason=cause.reason,
            )
        )

    def settle(self, row: int, family: Family, cause: Cause) -> None:
        """Bring the alarm of one sensor and family in line with its conditions."""
        state = self.draft.conditions.state
        slots = [s for s in WORST_FIRST[family] if state[s, row] in {ACTIVE, CLEARING}]
        sensor = int(self.program.sensor[row])
        gateway = int(self.program.gateway[self.program.sensor_gateway[row]])
        if not slots:
            self.release(sensor, gateway, family, self.cover_at(row, family), cause)
            return
        limits = [self.program.limit(row, slot) for slot in slots]
        worst = limits[0]
        trouble = Trouble(
            sensor=sensor,
            gateway=gateway,
            family=family,
            kind="limit",
            level=worst.level,
            priority=PRIORITY[worst.level],
            limit=worst.setpoint,
            on_delay_us=worst.on_delay_us,
            source=worst.source,
            latch=any(limit.latch for limit in limits),
        )
        self.activate(trouble, self.cover_at(row, family), cause)

    def activate(self, trouble: Trouble, cover: Cover, cause: Cause) -> None:
        """A condition of this target is active at this level: raise, reactivate or change level."""
        alarm = self.draft.alarm_of(trouble.sensor, trouble.gateway, trouble.family)
        if alarm is None:
            blank = self._blank(trouble, cover, cause)
            self._record("raise", blank, moved(blank, "activate", cover), cause)
            return
        rank, now = RANK[trouble.level], RANK[alarm.level]
        if alarm.active and rank == now:
            if trouble.latch and not alarm.latched:
                self._keep(msgspec.structs.replace(alarm, latched=True))
            return
        if alarm.shelved_until is not None and rank > now:
            # Kept by the record that follows: without it, a shelf that alone held the episode
            # open would end it here.
            alarm = self._record("shelf_broken", alarm, unshelved(alarm, cover), cause, keep=False)
        before = alarm
        alarm = msgspec.structs.replace(
            alarm,
            level=trouble.level,
            highest_level=max(alarm.highest_level, trouble.level, key=RANK.__getitem__),
            priority=trouble.priority,
            value=cause.value if rank > now or _is_beyond(trouble, cause) else alarm.value,
            limit=trouble.limit,
            on_delay_us=trouble.on_delay_us,
            source=trouble.source,
            latched=alarm.latched or trouble.latch,
            late=bool(cause.reason & Reason.LATE),
            over_range=bool(cause.reason & _BEYOND),
        )
        if not before.active:
            alarm = msgspec.structs.replace(alarm, count=alarm.count + 1, cleared_at=None)
            self._record("reactivate", before, moved(alarm, "activate", cover), cause)
        elif rank > now:
            self._record("escalate", before, moved(alarm, "escalate", cover), cause)
        else:
            self._record("deescalate", before, moved(alarm, "deescalate", cover), cause)

    def release(
        self, sensor: int | None, gateway: int, family: Family, cover: Cover, cause: Cause
    ) -> None:
        """No condition of this target is active any more."""
        alarm = self.draft.alarm_of(sensor, gateway, family)
        if alarm is not None and alarm.active:
            after = msgspec.structs.replace(returned(alarm, cover), cleared_at=cause.time)
            self._record("return", alarm, after, cause)

    def silence(self, trouble: Trouble, before: str, after: str, cause: Cause) -> None:
        """Record that a sensor or gateway fell silent, spoke again, or that a clock went wrong."""
        self.transitions.append(
            Transition(
                what="condition",
                event=trouble.kind,
                from_state=before,
                to_state=after,
                sensor=trouble.sensor,
                gateway=trouble.gateway,
                family=trouble.family,
                time=cause.time,
                decided=cause.decided,
                value=cause.value,
                limit=trouble.limit,
                reason=cause.reason,
            )
        )

    def change(self, event: str, before: Alarm, after: Alarm, cause: Cause) -> Alarm:
        """Record a change of an open alarm that no condition made: an act, a cover, time."""
        return self._record(event, before, after, cause)

    def cover(self, alarm: Alarm, event: str, cover: Cover, cause: Cause) -> Alarm:
        """A cover was laid over an open alarm or lifted from it."""
        return self._record(event, alarm, covered(alarm, cover), cause)

    def _blank(self, trouble: Trouble, cover: Cover, cause: Cause) -> Alarm:
        number = f"{self._position}.{len(self.transitions)}"
        if number in self.draft.alarms:
            raise ValueError(f"alarm {number} is open: give every entry a position of its own")
        return Alarm(
            id=number,
            sensor=trouble.sensor,
            gateway=trouble.gateway,
            family=trouble.family,
            kind=trouble.kind,
            level=trouble.level,
            highest_level=trouble.level,
            priority=trouble.priority,
            state="normal",
            active=False,
            acknowledged=True,
            latched=trouble.latch,
            raised_at=cause.time,
            cleared_at=None,
            value=cause.value,
            limit=trouble.limit,
            on_delay_us=trouble.on_delay_us,
            source=trouble.source,
            count=1,
            annunciated=not cover,
            over_range=bool(cause.reason & _BEYOND),
            late=bool(cause.reason & Reason.LATE),
        )

    def _record(
        self, event: str, before: Alarm, after: Alarm, cause: Cause, *, keep: bool = True
    ) -> Alarm:
        after = msgspec.structs.replace(
            after, position=self._position, ordinal=len(self.transitions)
        )
        self.transitions.append(
            Transition(
                what="alarm",
                event=event,
                from_state=before.state,
                to_state=after.state,
                sensor=after.sensor,
                gateway=after.gateway,
                family=after.family,
                time=cause.time,
                decided=cause.decided,
                value=cause.value,
                limit=after.limit,
                level=after.level,
                alarm=after.id,
                actor=cause.actor,
                note=cause.note,
                reason=cause.reason,
            )
        )
        if keep:
            self._keep(after)
        return after

    def _keep(self, alarm: Alarm) -> None:
        self._changed[alarm.id] = alarm
        self.draft.put(alarm)


def seconds(microseconds: int) -> float:
    return microseconds / MICROSECONDS


def _is_beyond(trouble: Trouble, cause: Cause) -> bool:
    """Whether the value that moved the alarm is itself beyond the limit the alarm now shows.

    A value on its way back to normal lowers the level and is no proof of the lower one.
    """
    return is_beyond(trouble.family, cause.value, trouble.limit)
