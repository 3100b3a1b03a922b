"""What the real fold makes of a hard stream, committed in random stretches with crashes between.

The database must hold exactly what one uninterrupted fold said, however often it was repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from alerting import Fold, Outcome, ProgramChange
from domain.entries import Entry, EntryKind, Tick
from domain.readings import ReadingBatch
from store.alarms import AlarmFilter, list_alarms
from store.database import Database
from store.scope import ALL
from store.writer import Commit, commit, recover
from tests.alerting.law import act_of, stream
from tests.alerting.streams import Second, batch_of
from tests.store.conftest import Play
from tests.store.stretches import JOURNAL, START

Folded = tuple[int, Entry, Outcome]


def journal_of(seed: int) -> list[tuple[int, Entry]]:
    """Program first, then about a hundred events of every kind."""
    program, events = stream(seed)
    configuration = program.configuration
    change = ProgramChange(
        at=0,
        full=True,
        sensors=tuple(configuration.sensors.values()),
        gateways=tuple(configuration.gateways.values()),
        timing=configuration.timing,
    )
    fold = Fold.empty()
    entries = [(START, Entry(EntryKind.PROGRAM, change.to_bytes()))]
    fold.apply(*entries[0])
    for position, event in enumerate(events, START + 1):
        if isinstance(event, list):
            entry = Entry(EntryKind.BATCH, batch_of(event).to_bytes())
        elif isinstance(event, Second):
            entry = Entry(EntryKind.TICK, Tick(event.now, event.listening).to_bytes())
        else:
            entry = Entry(EntryKind.ACT, act_of(event, list(fold.state.alarms)).to_bytes())
        fold.apply(position, entry)
        entries.append((position, entry))
    return entries


def folded(fold: Fold, entries: list[tuple[int, Entry]]) -> Iterator[Folded]:
    for position, entry in entries:
        if position > fold.position:
            yield position, entry, fold.apply(position, entry)


def stretch_of(part: list[Folded], *, after: int, checkpoint: bytes | None) -> Commit:
    alarms = {alarm.id: alarm for _, _, outcome in part for alarm in outcome.alarms}
    return Commit(
        journal_id=JOURNAL,
        after=after,
        position=part[-1][0],
        batches=[
            (position, ReadingBatch.from_bytes(entry.payload), outcome.verdict)
            for position, entry, outcome in part
            if outcome.verdict is not None
        ],
        transitions=[
            (position, ordinal, transition)
            for position, _, outcome in part
            for ordinal, transition in enumerate(outcome.transitions)
        ],
        alarms=list(alarms.values()),
        checkpoint=checkpoint,
        entries=[(position, entry) for position, entry, _ in part],
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_database_holds_what_one_uninterrupted_fold_said(opened: Play, seed: int) -> None:
    entries = journal_of(seed)
    whole = list(folded(Fold.empty(), entries))
    chance = Random(seed)

    async def act(database: Database) -> None:
        while (found := await recover(database)).position < entries[-1][0]:
            fold = Fold.empty() if found.checkpoint is None else Fold.restore(found.checkpoint)
            waiting = [entry for entry in entries if entry[0] > fold.position]
            after = fold.position
            for _ in range(chance.randrange(1, 5)):  # then a crash
                size = chance.randrange(1, 80)
                part = list(folded(fold, waiting[:size]))
                waiting = waiting[size:]
                if part:
                    checkpoint = fold.checkpoint() if chance.random() < 0.3 else None
                    done = await commit(
                        database, stretch_of(part, after=after, checkpoint=checkpoint)
                    )
                    assert done.fast, "what the fold calls fresh must meet no stored row"
                    after = fold.position
        await check(database)

    async def check(database: Database) -> None:
        async with database.connection() as connection:
            transitions = await connection.fetch(
                "SELECT position, ordinal, body FROM transitions ORDER BY position, ordinal"
            )
            rows = await connection.fetch("SELECT sensor, ts FROM readings")
            kept = await connection.fetchval("SELECT count(*) FROM kept_entries")
        assert [tuple(row) for row in transitions] == [
            (position, ordinal, msgspec.msgpack.encode(transition))
            for position, _, outcome in whole
            for ordinal, transition in enumerate(outcome.transitions)
        ]
        identities = {
            (int(sensor), int(time))
            for _, entry, outcome in whole
            if outcome.verdict is not None
            for batch in [ReadingBatch.from_bytes(entry.payload)]
            for sensor, time, keep in zip(
                batch.sensor, batch.time, outcome.verdict.kept, strict=True
            )
            if keep
        }
        assert {(row["sensor"], row["ts"]) for row in rows} == identities
        assert len(rows) == len(identities)
        lasting = {EntryKind.PROGRAM, EntryKind.ACT}
        assert kept == sum(entry.kind in lasting for _, entry in entries)
        latest = {alarm.id: alarm for _, _, outcome in whole for alarm in outcome.alarms}
        stored = await list_alarms(database, ALL, AlarmFilter(), limit=10_000)
        assert {alarm.id: alarm for alarm in stored} == latest
        still = {id_ for id_, alarm in latest.items() if alarm.state != "normal"}
        open_ = await list_alarms(database, ALL, AlarmFilter(state="open"), limit=10_000)
        assert {alarm.id for alarm in open_} == still

    opened(act)
