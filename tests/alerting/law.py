"""The law, run: one stream through the judge in some cut, and through the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import msgspec
import numpy as np

from alerting import Act, Outcome, Program, State, Transition, compile_program, initial_state
from alerting import act as judge_act
from alerting import step as judge_step
from alerting import tick as judge_tick
from alerting.state import target_of
from domain.entries import Tick
from tests.alerting.reference import Message, Reference
from tests.alerting.streams import Deed, Second, Stream, batch_of, configuration, cut

Entries = list[list[Message] | Second | Deed]


@dataclass
class Run:
    """What came of one stream, as one of the two sides has it."""

    transitions: list[Transition] = field(default_factory=list)
    verdicts: list[tuple[int, int, bool, bool, bool, int]] = field(default_factory=list)
    refusals: list[str | None] = field(default_factory=list)


def stream(seed: int, count: int = 120) -> tuple[Program, Entries]:
    """A program and a cut stream of about `count` events."""
    random = Random(seed)
    program = compile_program(configuration(random))
    events = Stream(random.randrange(1 << 30), program.configuration).events(count)
    return program, cut(random, events)


def by_judge(
    program: Program,
    entries: Entries,
    *,
    one_by_one: bool = False,
    state: State | None = None,
    position: int = 0,
) -> tuple[Run, State]:
    """Run the judge. `one_by_one` cuts the stream at every message."""
    run = Run()
    state = initial_state(program) if state is None else state
    numbers: dict[str, str] = {}
    for entry in entries:
        parts = [[m] for m in entry] if one_by_one and isinstance(entry, list) else [entry]
        for part in parts:
            position += 1
            if isinstance(part, list):
                state, outcome = judge_step(program, state, batch_of(part), position=position)
                run.verdicts += verdicts(outcome)
            elif isinstance(part, Second):
                second = Tick(part.now, part.listening)
                state, outcome = judge_tick(program, state, second, position=position)
            else:
                act = act_of(part, list(state.alarms))
                state, outcome = judge_act(program, state, act, position=position)
                refusal = outcome.refusal
                run.refusals.append(None if refusal is None else refusal.code)
            run.transitions += numbered(outcome.transitions, numbers)
    return run, state


def by_reference(program: Program, entries: Entries) -> tuple[Run, Reference]:
    reference, run = Reference(program.configuration), Run()
    for entry in entries:
        if isinstance(entry, list):
            for message in entry:
                reference.message(message)
        elif isinstance(entry, Second):
            reference.tick(entry.now, listening=entry.listening)
        else:
            keys = list(reference.alarms)
            key = keys[entry.pick % len(keys)] if keys else (0, "none")
            run.refusals.append(reference.act(act_of(entry, []), key))
    run.transitions, run.verdicts = reference.transitions, reference.verdicts
    return run, reference


def act_of(deed: Deed, alarms: list[str]) -> Act:
    return Act(
        id="act",
        verb=deed.verb,
        alarm=alarms[deed.pick % len(alarms)] if alarms else "none",
        actor="wang",
        at=deed.at,
        seen=deed.seen,  # type: ignore[arg-type]
        seen_level=deed.seen_level,
        note=deed.note,
        until=deed.until,
    )


def verdicts(outcome: Outcome) -> list[tuple[int, int, bool, bool, bool, int]]:
    assert outcome.verdict is not None
    v = outcome.verdict
    columns = (v.quality, v.reason, v.kept, v.live, v.fresh, v.age)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def numbered(transitions: tuple[Transition, ...], numbers: dict[str, str]) -> list[Transition]:
    """Alarms numbered in the order they were raised: their ids depend on the cut."""
    return [
        change
        if change.alarm is None
        else msgspec.structs.replace(
            change, alarm=numbers.setdefault(change.alarm, str(len(numbers)))
        )
        for change in transitions
    ]


def check(seed: int, count: int = 120) -> Run:
    """Assert the law for one stream; returns what the reference saw."""
    program, entries = stream(seed, count)
    expected, reference = by_reference(program, entries)
    run, state = by_judge(program, entries)
    assert run.verdicts == expected.verdicts
    assert run.transitions == expected.transitions
    assert run.refusals == expected.refusals
    assert {target_of(a.sensor, a.gateway, a.family) for a in state.alarms.values()} == set(
        reference.alarms
    )
    for alarm in state.alarms.values():
        twin = reference.alarms[target_of(alarm.sensor, alarm.gateway, alarm.family)]
        assert alarm.state == reference.seen(twin)
        assert (alarm.count, alarm.level) == (twin["count"], twin["level"])
    other, other_state = by_judge(program, entries, one_by_one=True)
    assert other == run
    for name in ("newest", "conditions", "gateways"):
        left, right = getattr(state, name), getattr(other_state, name)
        for column in left.__slots__:
            np.testing.assert_array_equal(getattr(left, column), getattr(right, column), column)
    return expected
