"""A small stage: one program, readings said in one line, the newest transitions at hand."""

from __future__ import annotations

import numpy as np

from alerting import (
    Act,
    Alarm,
    Configuration,
    GatewaySpec,
    Limit,
    Outcome,
    Refusal,
    SensorSpec,
    Timing,
    Transition,
    Verb,
    Verdict,
    act,
    compile_program,
    initial_state,
    step,
    tick,
)
from domain.entries import Tick
from domain.readings import NO_TIME, Quality, Reason
from tests.alerting.reference import Message, Reading
from tests.alerting.streams import batch_of

S = 1_000_000
T0 = 1_772_669_730 * S


def sensor(number: int = 1, *limits: Limit, gateway: int = 1, **more: object) -> SensorSpec:
    return SensorSpec(id=number, gateway=gateway, period_us=30 * S, limits=limits, **more)  # type: ignore[arg-type]


def high(setpoint: float = 25.0, **more: object) -> Limit:
    return Limit(level="H", setpoint=setpoint, **more)  # type: ignore[arg-type]


def high_high(setpoint: float = 50.0, **more: object) -> Limit:
    return Limit(level="HH", setpoint=setpoint, **more)  # type: ignore[arg-type]


def low(setpoint: float = 5.0, **more: object) -> Limit:
    return Limit(level="L", setpoint=setpoint, **more)  # type: ignore[arg-type]


class Play:
    """Times are seconds after T0. Readings arrive at once, from gateway 1, unless said."""

    def __init__(self, *sensors: SensorSpec, timing: Timing | None = None) -> None:
        gateways = {spec.gateway: GatewaySpec(number=spec.gateway) for spec in sensors}
        self.program = compile_program(
            Configuration(
                sensors={spec.id: spec for spec in sensors},
                gateways=gateways,
                timing=Timing() if timing is None else timing,
            )
        )
        self.state = initial_state(self.program)
        self.position = 0
        self.outcome = Outcome()

    def read(
        self,
        time: float,
        value: float,
        *,
        sensor: int = 1,
        gateway: int = 1,
        quality: Quality = Quality.GOOD,
        reason: Reason | int = 0,
        received: float | None = None,
        sent: float | None = None,
        backfill: bool = False,
    ) -> Verdict:
        """One message with one reading; `sent` None means the gateway does not say."""
        at = T0 + round((time if received is None else received) * S)
        said = NO_TIME if sent is None else T0 + round(sent * S)
        reading = Reading(sensor, T0 + round(time * S), value, int(quality), int(reason))
        self.messages(Message(gateway, at, said, backfill, [reading]))
        assert self.outcome.verdict is not None
        return self.outcome.verdict

    def messages(self, *messages: Message) -> None:
        self.position += 1
        self.state, self.outcome = step(
            self.program, self.state, batch_of(list(messages)), position=self.position
        )

    def hear(self, received: float, *, gateway: int = 1) -> None:
        """A message without readings."""
        self.messages(
            Message(gateway, T0 + round(received * S), NO_TIME, backfill=False, readings=[])
        )

    def tick(self, now: float, *, listening: bool = True) -> None:
        self.position += 1
        second = Tick(T0 + round(now * S), listening)
        self.state, self.outcome = tick(self.program, self.state, second, position=self.position)

    def wait(self, first: int, last: int, *, listening: bool = True) -> list[Transition]:
        """Ticks of the seconds from first to last; every transition they brought."""
        found: list[Transition] = []
        for now in range(first, last + 1):
            self.tick(now, listening=listening)
            found += self.outcome.transitions
        return found

    def act(
        self,
        verb: Verb,
        *,
        at: float = 0,
        note: str = "",
        until: float | None = None,
        seen: str | None = None,
        seen_level: str | None = None,
        alarm: str | None = None,
    ) -> Refusal | None:
        self.position += 1
        deed = Act(
            id="act-1",
            verb=verb,
            alarm=self.alarm().id if alarm is None else alarm,
            actor="wang",
            at=T0 + round(at * S),
            seen=seen,  # type: ignore[arg-type]
            seen_level=seen_level,  # type: ignore[arg-type]
            note=note,
            until=None if until is None else T0 + round(until * S),
        )
        self.state, self.outcome = act(self.program, self.state, deed, position=self.position)
        return self.outcome.refusal

    def alarm(self, family: str | None = None) -> Alarm:
        """The only open alarm (of a family)."""
        (alarm,) = [a for a in self.state.alarms.values() if family is None or a.family == family]
        return alarm

    @property
    def alarms(self) -> list[Alarm]:
        return list(self.state.alarms.values())

    @property
    def told(self) -> list[str]:
        """The newest transitions, short: `HH pending>active`, `raise normal>unacknowledged`."""
        return short(self.outcome.transitions)


def short(transitions: tuple[Transition, ...] | list[Transition]) -> list[str]:
    return [f"{t.event} {t.from_state}>{t.to_state}" for t in transitions]


def reason_of(verdict: Verdict) -> Reason:
    return Reason(int(verdict.reason[0]))


def columns_equal(left: object, right: object) -> bool:
    return all(
        np.array_equal(
            getattr(left, name), getattr(right, name), equal_nan=name in {"value", "held"}
        )
        for name in left.__slots__  # type: ignore[attr-defined]
    )
