"""The alarm's life, walked in full: every alarm that can be, every event it can meet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec
import pytest

from alerting import Act, Alarm, Verb
from alerting.drawing import acts_table, base_drawing, cover_drawing
from alerting.lifecycle import (
    ACTS,
    ALREADY,
    BASE,
    COVERS,
    RINGING,
    Cover,
    Event,
    acted,
    base_of,
    covered,
    moved,
    refused,
    returned,
    seen,
    unshelved,
)

NOW, HOUR = 1_000_000, 3_600_000_000
ALL_COVERS = [Cover(*flags) for flags in product((False, True), repeat=2)]
World = tuple[Alarm, Cover]


def newborn(cover: Cover, *, latched: bool) -> Alarm:
    blank = Alarm(
        id="1.0", sensor=1, gateway=1, family="high", kind="limit", level="H", highest_level="H",
        priority=3, state="normal", active=False, acknowledged=True, latched=latched, raised_at=0,
        cleared_at=None, value=1.0, limit=1.0, on_delay_us=0, source="", count=1,
        annunciated=not cover,
    )  # fmt: skip
    return moved(blank, "activate", cover)


def deed(verb: Verb, **more: object) -> Act:
    until = NOW + HOUR if verb == "shelve" else None
    act = Act(id="a", verb=verb, alarm="1.0", actor="wang", at=NOW, note="why", until=until)
    return msgspec.structs.replace(act, **more)


def steps(world: World) -> Iterator[tuple[str, World]]:
    """Everything that can happen to an open alarm, as the engine would bring it about."""
    alarm, cover = world
    for event in ("escalate", "deescalate"):
        if alarm.active:
            yield event, (moved(alarm, event, cover), cover)
    if alarm.active:
        yield "return", (returned(alarm, cover), cover)
    else:
        yield "activate", (moved(alarm, "activate", cover), cover)
    if alarm.state == "acknowledged":
        yield "realarm", (moved(alarm, "realarm", cover), cover)
    if alarm.shelved_until is not None:
        yield "shelf_expired", (unshelved(alarm, cover), cover)
    for other in ALL_COVERS:
        if other != cover:
            yield "cover", (covered(alarm, other), other)
    for verb in ACTS:
        if refused(alarm, deed(verb), HOUR) is None:
            yield verb, (acted(alarm, deed(verb), cover), cover)


def walk() -> dict[World, list[tuple[str, World]]]:
    """The graph of all worlds that can be reached; a closed alarm has no steps."""
    graph: dict[World, list[tuple[str, World]]] = {}
    waiting: list[World] = [
        (newborn(cover, latched=latched), cover)
        for cover in ALL_COVERS
        for latched in (False, True)
    ]
    while waiting:
        world = waiting.pop()
        if world in graph:
            continue
        graph[world] = [] if world[0].state == "normal" else list(steps(world))
        waiting += [after for _, after in graph[world]]
    return graph


GRAPH = walk()


def test_every_state_of_the_standard_is_reached() -> None:
    reached = {alarm.state for alarm, _ in GRAPH}
    assert reached == set(BASE) | set(COVERS)


def test_every_move_of_the_table_is_made() -> None:
    made = set()
    for (alarm, _), after in GRAPH.items():
        for event, (then, _) in after:
            name = event
            if event == "return" and alarm.latched:
                name = "return_latched"
            if name in {e for moves in BASE.values() for e in moves}:
                made.add((base_of(alarm), name, base_of(then)))
    table = {(s, e, t) for s, moves in BASE.items() for e, t in moves.items() if s != "normal"}
    assert table <= made


@pytest.mark.parametrize("cover", ALL_COVERS)
def test_the_state_seen_is_the_uppermost_cover_or_the_need(cover: Cover) -> None:
    for alarm, laid in GRAPH:
        if laid != cover:
            continue
        assert alarm.state == seen(alarm, cover)
        if alarm.state == "normal":
            continue
        shelved = alarm.shelved_until is not None
        expected = {
            (True, True): "out_of_service", (True, False): "out_of_service",
            (False, True): "suppressed",
        }.get((cover.out_of_service, cover.suppressed), "shelved" if shelved else base_of(alarm))  # fmt: skip
        assert alarm.state == expected


def test_an_alarm_ends_only_when_nothing_is_left_of_it() -> None:
    for alarm, _ in GRAPH:
        settled = alarm.acknowledged or not alarm.annunciated
        over = not alarm.active and not alarm.latched and settled and alarm.shelved_until is None
        assert (alarm.state == "normal") == over


def test_every_alarm_can_come_to_its_end() -> None:
    ends = {world for world in GRAPH if world[0].state == "normal"}
    while True:
        more = {
            world
            for world, after in GRAPH.items()
            if world not in ends and any(then in ends for _, then in after)
        }
        if not more:
            break
        ends |= more
    assert ends == set(GRAPH)


def test_nothing_but_a_return_makes_an_alarm_inactive_and_nothing_but_a_reset_frees_a_latch() -> (
    None
):
    for (alarm, _), after in GRAPH.items():
        for event, (then, _) in after:
            assert then.active or not alarm.active or event == "return"
            assert then.latched or not alarm.latched or event == "reset"


def test_an_uncovered_alarm_that_gets_worse_or_comes_again_rings() -> None:
    for (_, cover), after in GRAPH.items():
        for event, (then, _) in after:
            if event in {"escalate", "activate", "realarm"} and not cover:
                assert then.state in {"unacknowledged", "shelved"}


def test_what_was_never_rung_rings_when_the_cover_lifts_and_it_is_still_there() -> None:
    for (alarm, _), after in GRAPH.items():
        for event, (then, cover) in after:
            if event == "cover" and not cover and not alarm.annunciated:
                assert then.annunciated
                assert then.state in RINGING


def test_every_act_is_legal_or_refused_with_its_reason_in_every_state() -> None:
    for alarm, cover in GRAPH:
        if alarm.state == "normal":
            continue
        for verb in ACTS:
            code = refused(alarm, deed(verb), HOUR)
            if alarm.state in ACTS[verb]:
                assert code is None
                acted(alarm, deed(verb), cover)  # never raises
            else:
                assert code == ("already" if alarm.state in ALREADY[verb] else "not_allowed")


def test_no_state_both_allows_an_act_and_has_it_already() -> None:
    for verb, states in ACTS.items():
        assert not states & ALREADY[verb]


def test_a_move_the_table_does_not_have_is_a_fault() -> None:
    impossible: Event = "reset"
    with pytest.raises(KeyError):
        moved(newborn(Cover(), latched=True), impossible, Cover())


class TestRefusals:
    alarm = newborn(Cover(), latched=False)

    def test_an_alarm_that_changed_since_it_was_seen_is_not_acted_on(self) -> None:
        assert refused(self.alarm, deed("shelve", seen="acknowledged"), HOUR) == "changed"
        assert refused(self.alarm, deed("acknowledge", seen="acknowledged"), HOUR) == "changed"
        assert refused(self.alarm, deed("acknowledge", seen="unacknowledged"), HOUR) is None

    def test_an_alarm_that_only_returned_meanwhile_can_be_acknowledged(self) -> None:
        alarm = returned(self.alarm, Cover())
        assert refused(alarm, deed("acknowledge", seen="unacknowledged"), HOUR) is None

    @pytest.mark.parametrize("verb", ["acknowledge", "shelve"])
    def test_an_alarm_whose_level_has_risen_since_is_not_acted_on(self, verb: Verb) -> None:
        worse = msgspec.structs.replace(self.alarm, level="HH")
        assert refused(worse, deed(verb, seen_level="H"), HOUR) == "changed"
        assert refused(worse, deed(verb, seen_level="HH"), HOUR) is None
        assert refused(worse, deed(verb), HOUR) is None
        assert refused(self.alarm, deed(verb, seen_level="HH"), HOUR) is None
        assert refused(worse, deed("comment", seen_level="H"), HOUR) is None

    def test_an_alarm_that_rose_and_returned_meanwhile_was_not_seen(self) -> None:
        worse = returned(msgspec.structs.replace(self.alarm, level="HH"), Cover())
        seen_before = deed("acknowledge", seen="unacknowledged", seen_level="H")
        assert refused(worse, seen_before, HOUR) == "changed"

    def test_an_act_journalled_before_levels_were_said_is_still_read(self) -> None:
        old = {"id": "a", "verb": "acknowledge", "alarm": "1.0", "actor": "wang", "at": NOW}
        act = Act.from_bytes(msgspec.msgpack.encode(old))
        assert act.seen_level is None
        assert refused(msgspec.structs.replace(self.alarm, level="HH"), act, HOUR) is None

    def test_a_comment_is_welcome_whatever_was_seen(self) -> None:
        assert refused(self.alarm, deed("comment", seen="shelved"), HOUR) is None

    def test_a_shelf_needs_a_reason_and_an_end_in_time(self) -> None:
        assert refused(self.alarm, deed("shelve", note="  "), HOUR) == "reason_required"
        assert refused(self.alarm, deed("shelve", until=None), HOUR) == "shelf_in_past"
        assert refused(self.alarm, deed("shelve", until=NOW), HOUR) == "shelf_in_past"
        assert refused(self.alarm, deed("shelve", until=NOW + 1), HOUR) is None
        assert refused(self.alarm, deed("shelve", until=NOW + HOUR + 1), HOUR) == "shelf_too_long"


def test_the_papers_show_the_tables_that_run() -> None:
    page = Path(__file__).parents[2] / "docs" / "alarm-lifecycle.md"
    text = page.read_text(encoding="utf-8")
    for drawn in (base_drawing(), cover_drawing(), acts_table()):
        assert drawn in text, f"docs/alarm-lifecycle.md should contain:\n{drawn}"
