"""A property test that never fails proves nothing: each of these bugs must break the law.

A bug is planted by changing one line of the source and swapping the code of the functions in
place; the line is looked up, so an edit of the source that removes it shows up here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import pytest

from alerting import (
    arrival,
    batch_readings,
    carrying,
    clocks,
    conditions,
    engine,
    judgement,
    lifecycle,
    order,
    readings,
    silence,
)
from tests.alerting.law import check
from tests.alerting.play import S, high
from tests.alerting.test_carrying import (
    test_an_edit_goes_by_the_last_value_that_could_be_judged as an_edit_goes_by,
)
from tests.alerting.test_carrying import (
    test_an_edit_neither_ends_our_deafness_nor_begins_it_anew as an_edit_neither_ends_our_deafness,
)

BUGS: dict[str, tuple[ModuleType, str, str]] = {
    "a repeated time counts as newer": (
        order, "live = readings.candidate & (readings.time > time)",
        "live = readings.candidate & (readings.time >= time)"),
    "only the predecessor in the batch counts": (
        order, "running[reach:] = np.maximum(running[reach:], joined)", "pass"),
    "a correction of the clock may silence": (
        arrival, "unclocked | (doubted & alive)", "unclocked"),
    "a correction is told by the value before the batch": (
        order, "np.where(mark >= begin, value[mark], newest.value[row])", "newest.value[row]"),
    "what is stored counts as fresh by the live time": (
        order, "fresh = readings.kept & (readings.time > found.kept)",
        "fresh = readings.kept & found.live"),
    "the on-delay ends one microsecond late": (
        conditions, "if time - since >= on_delay:", "if time - since > on_delay:"),
    "an uncertain reading clears": (
        conditions, "if returned and may_clear:", "if returned:"),
    "a short return clears": (
        conditions, "elif not returned:\n        return ACTIVE, time", "elif False:\n        pass"),
    "the edge of the deadband counts as returned": (
        conditions, "return value < release if slot < 2", "return value <= release if slot < 2"),
    "a pending limit rests inside the deadband": (
        readings, "edge = setpoints[slot] if state <= PENDING else releases[slot]",
        "edge = releases[slot] if state else setpoints[slot]"),
    "the window never ends": (
        readings, "until = min(until, int(", "until = max(until, int("),
    "maintenance clears": (
        readings, "after = NORMAL if before == PENDING else before", "after = NORMAL"),
    "only the first reading outside the window is judged": (
        batch_readings, "look = np.flatnonzero(np.arange(len(live.row)) >= begin[live.row])",
        "look = found"),
    "changes are told sensor by sensor": (
        engine, "in sorted(events)", "in sorted(events, key=lambda e: (e[1], e[2]))"),
    "a clock that is right again in the batch stays wrong": (
        engine, "suspect[row[ahead | (steady & (np.abs(clocks.offset) > TOLERANCE_US))]] = True",
        "pass"),
    "a time that cannot be bars what is": (
        order, "void = ahead > highest", "void = False"),
    "what cannot be is told by our clock alone": (
        order, "Latest(now - np.maximum(offset, 0), now - np.minimum(offset, 0))",
        "Latest(now, now)"),
    "a reading that cannot be makes others void": (
        order, "self.far[message], FOREVER)", "self.far[message], self.far[message])"),
    "delays stay in a time that cannot be": (
        batch_readings, "since[since > lapse.latest] -= lapse.by", "pass"),
    "true delays are moved with the void ones": (
        batch_readings, "since[since > lapse.latest] -= lapse.by", "since -= lapse.by"),
    "the window hides that a time is void": (
        batch_readings, "outside[np.searchsorted(live.place, list(self._lapses))] = True", "pass"),
    "a message sent in the future rings no bell": (
        engine, "ahead = (row >= 0) & (clocks.lead > -FUTURE_US)",
        "ahead = (row >= 0) & (clocks.lead == 0)"),
    "a delay ends in silence though we do not listen": (
        engine, "if tick.listening or draft.deaf >= DEAF_US:", "if True:"),
    "a delay waits for ever for us to listen": (
        engine, "if tick.listening or draft.deaf >= DEAF_US:", "if tick.listening:"),
    "an offset holds for the messages before it": (
        clocks, "np.arange(len(messages)) >= first[row]", "first[row] < len(messages)"),
    "one sample that does not agree makes the offset unknown": (
        clocks, "np.append(draft.gateways.regime, NEVER)",
        "np.append(draft.gateways.offset, NEVER)"),
    "a message that is not due now is not due later": (
        clocks, "waiting = waiting[waiting > first[owner]]",
        "waiting = due[first[row[due]] != due]"),
    "the offset is the oldest that agrees, not the least": (
        clocks, "np.where(steady, least[each, last], NEVER)",
        "np.where(steady, sample[each, last], NEVER)"),
    "samples far apart agree however short they span": (
        clocks, "allowed = np.minimum(span // 2, WIDE_US)", "allowed = WIDE_US"),
    "samples agree however far apart if they span enough": (
        clocks, "allowed = np.minimum(span // 2, WIDE_US)", "allowed = span // 2"),
    "a clock is sampled at every message": (
        clocks, "(draft.gateways.samples[owner] == 0) | (since >= SAMPLE_EVERY_US)", "since >= 0"),
    "our own backlog passes for a wrong clock": (
        clocks, "if draft.listening else _NONE", ""),
    "a sensor muted by its gateway is shown at once": (
        silence, "| (since < program.silence)", "| (since < 0)"),
    "an answer to H is taken for HH": (
        lifecycle, "RANK[alarm.level] > RANK[act.seen_level]",
        "RANK[alarm.level] > 2 * RANK[act.seen_level]"),
    "an escalation does not ring again": (
        judgement, 'moved(alarm, "escalate", cover)', 'moved(alarm, "deescalate", cover)'),
}  # fmt: skip


def functions(namespace: dict[str, Any], module: str) -> Iterator[tuple[str, FunctionType]]:
    for name, thing in namespace.items():
        if isinstance(thing, FunctionType) and thing.__module__ == module:
            yield name, thing
        elif inspect.isclass(thing) and thing.__module__ == module:
            for inner, method in vars(thing).items():
                if isinstance(method, FunctionType):
                    yield f"{name}.{inner}", method


@contextmanager
def planted(module: ModuleType, line: str, bug: str) -> Iterator[None]:
    source = inspect.getsource(module)
    assert source.count(line) >= 1, f"{module.__name__} no longer says {line!r}"
    namespace = dict(vars(module))
    exec(compile(source.replace(line, bug), module.__file__ or "", "exec"), namespace)
    wrong = dict(functions(namespace, module.__name__))
    right = dict(functions(vars(module), module.__name__))
    codes = {name: function.__code__ for name, function in right.items()}
    try:
        for name, function in right.items():
            function.__code__ = wrong[name].__code__
        yield
    finally:
        for name, function in right.items():
            function.__code__ = codes[name]


EDITS: dict[str, tuple[str, str, Callable[[], None]]] = {
    "a pending delay goes on by a value that could not be judged": (
        "float(newest.held[row]), now)", "float(newest.value[row]), now)",
        lambda: an_edit_goes_by(high(26, on_delay_us=30 * S))),
    "an edit begins our deafness anew": (
        "deaf=state.deaf", "deaf=0", an_edit_neither_ends_our_deafness),
    "an edit takes for granted that we listen": (
        "listening=state.listening", "listening=True", an_edit_neither_ends_our_deafness),
}  # fmt: skip
"""The streams hold no edits: what goes wrong with one is caught by a test of its own."""


@pytest.mark.parametrize("name", EDITS)
def test_the_tests_of_edits_catch(name: str) -> None:
    line, bug, test = EDITS[name]
    with planted(carrying, line, bug), pytest.raises((AssertionError, IndexError)):
        test()


@pytest.mark.parametrize("name", BUGS)
def test_the_law_catches(name: str) -> None:
    module, line, bug = BUGS[name]
    with planted(module, line, bug):
        assert any(breaks(seed) for seed in range(1500)), f"1500 streams did not catch: {name}"


def breaks(seed: int) -> bool:
    try:
        check(seed, 150)
    except AssertionError:
        return True
    return False
