"""The fold: the same entries give the same state, from the start or from any checkpoint."""

from __future__ import annotations

import pytest

from alerting import Act, Configuration, Fold, Outcome, ProgramChange
from domain.entries import Entry, EntryKind, Tick
from domain.readings import MessageColumns, ReadingBatch
from tests.alerting.law import act_of, stream
from tests.alerting.play import T0, high, sensor
from tests.alerting.streams import Second, batch_of


def batch(readings: ReadingBatch, number: int) -> Entry:
    m = readings.messages
    sequence = m.sequence.copy()
    sequence[:] = range(number, number + len(m))
    numbered = ReadingBatch(
        MessageColumns(m.gateway, m.received, m.sent, sequence, m.boot, m.backfill, m.boots),
        readings.message, readings.sensor, readings.time, readings.value, readings.quality,
        readings.reason,
    )  # fmt: skip
    return Entry(EntryKind.BATCH, numbered.to_bytes())


def journal(seed: int) -> list[Entry]:
    """A stream as the journal holds it, its program first."""
    program, entries = stream(seed, 60)
    c = program.configuration
    change = ProgramChange(
        at=T0, full=True, sensors=tuple(c.sensors.values()), gateways=tuple(c.gateways.values()),
        timing=c.timing,
    )  # fmt: skip
    out = [Entry(EntryKind.PROGRAM, change.to_bytes())]
    number = 1
    for entry in entries:
        if isinstance(entry, list):
            out.append(batch(batch_of(entry), number))
            number += len(entry)
        elif isinstance(entry, Second):
            out.append(Entry(EntryKind.TICK, Tick(entry.now, entry.listening).to_bytes()))
        else:
            out.append(Entry(EntryKind.ACT, act_of(entry, ["3.1", "5.1"]).to_bytes()))
    return out


def run(fold: Fold, entries: list[Entry], first: int) -> list[Outcome]:
    return [fold.apply(first + n, entry) for n, entry in enumerate(entries)]


def texts(outcomes: list[Outcome]) -> list[object]:
    return [(o.transitions, o.alarms, o.refusal) for o in outcomes]


@pytest.mark.parametrize("seed", range(8))
def test_a_fold_goes_on_from_a_checkpoint_or_a_snapshot_as_if_nothing_had_happened(
    seed: int,
) -> None:
    entries = journal(seed)
    half = len(entries) // 2
    whole = Fold.empty()
    told = run(whole, entries, 1)
    first = Fold.empty()
    run(first, entries[:half], 1)
    saved, snapshot = first.checkpoint(), first.snapshot()
    run(first, entries[half:], half + 1)
    for fold in (Fold.restore(saved), Fold.from_snapshot(snapshot)):
        assert fold.position == half
        assert fold.checkpoint() == saved
        assert texts(run(fold, entries[half:], half + 1)) == texts(told[half:])
        assert fold.checkpoint() == whole.checkpoint() == first.checkpoint()
        assert fold.configuration == whole.configuration


def test_what_a_fold_handed_out_stays_as_it_was() -> None:
    fold, entries = Fold.empty(), journal(3)
    run(fold, entries[:40], 1)
    state, snapshot = fold.state, fold.snapshot()
    before = state.to_bytes(), snapshot.state.to_bytes(), snapshot.sequences.to_bytes()
    run(fold, entries[40:], 41)
    after = state.to_bytes(), snapshot.state.to_bytes(), snapshot.sequences.to_bytes()
    assert before == after


def test_a_fold_counts_sequences() -> None:
    fold = Fold.empty()
    run(fold, journal(5), 1)
    assert fold.sequences.stored(1) is not None


def test_entries_come_in_order_and_once() -> None:
    fold = Fold.empty()
    second = Entry(EntryKind.TICK, Tick(T0, listening=True).to_bytes())
    fold.apply(7, second)
    for position in (7, 6):
        with pytest.raises(ValueError, match=f"entry {position} is not after 7"):
            fold.apply(position, second)


def test_a_program_that_cannot_be_compiled_leaves_the_fold_as_it_was() -> None:
    fold = Fold(Configuration(sensors={1: sensor(1, high())}))
    before = fold.checkpoint()
    bad = ProgramChange(at=T0, sensors=(sensor(1, high(), high()),))
    with pytest.raises(ValueError, match="given twice"):
        fold.apply(1, Entry(EntryKind.PROGRAM, bad.to_bytes()))
    assert fold.checkpoint() == before


@pytest.mark.parametrize("kind", list(EntryKind))
def test_a_damaged_entry_is_refused_and_leaves_the_fold_as_it_was(kind: EntryKind) -> None:
    fold = Fold(Configuration(sensors={1: sensor(1, high())}))
    before = fold.checkpoint()
    with pytest.raises(ValueError, match=r"\w"):
        fold.apply(1, Entry(kind, b"\xc1 damaged"))
    assert fold.checkpoint() == before


def test_an_act_on_no_alarm_is_refused() -> None:
    act = Act(id="q", verb="acknowledge", alarm="1.1", actor="wang", at=T0)
    outcome = Fold.empty().apply(1, Entry(EntryKind.ACT, act.to_bytes()))
    assert outcome.refusal is not None
    assert (outcome.refusal.act, outcome.refusal.code) == ("q", "unknown_alarm")


@pytest.mark.parametrize("cut", [0, 3, 20, -1])
def test_a_damaged_checkpoint_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        Fold.restore(Fold.empty().checkpoint()[:cut])


def test_a_checkpoint_of_a_newer_format_is_refused() -> None:
    saved = Fold.empty().checkpoint()
    with pytest.raises(ValueError, match="format 258"):
        Fold.restore(b"\x01\x02" + saved[2:])
