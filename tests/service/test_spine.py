"""The one order of things, the second hand, and what differs between two configurations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from alerting import Act, Configuration, GatewaySpec, SensorSpec
from domain.entries import Entry, EntryKind, Tick
from service.registration import difference
from service.ticker import tick
from store.database import Database
from store.journal import JournalUnavailable
from tests.service.stage import PROGRAM, Stage, batch, refolded, staged, tick_entry, until
from tests.store.conftest import Scene

SECOND = 1_000_000


def test_what_is_appended_together_is_durable_and_folded_in_one_order(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            entries = [tick_entry(1_790_000_000 + n) for n in range(100)]
            positions = await asyncio.gather(*(stage.spine.append(e) for e in entries))
            assert positions == sorted(positions)
            await stage.all_is_folded()
            kept = await stage.journal.read(0, max_bytes=1 << 24)
            assert [entry for _, entry in kept[1:]] == entries
            assert stage.spine.fold.position == positions[-1]

    scene(act)


def test_it_is_settled_when_all_that_was_appended_is_folded(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            entries = [tick_entry(1_790_000_000 + n) for n in range(200)]
            appending = asyncio.gather(*(stage.spine.append(entry) for entry in entries))
            await asyncio.sleep(0)  # they have begun, and more than fit into the inbox
            await stage.spine.settled()
            assert stage.spine.fold.position == stage.journal.last
            assert len(await appending) == 200
            await stage.journal.close()
            refused = asyncio.gather(stage.spine.append(tick_entry()), return_exceptions=True)
            await asyncio.sleep(0)
            await stage.spine.settled()  # what the journal refuses is not waited for
            assert isinstance((await refused)[0], JournalUnavailable)

    scene(act)


def test_the_live_fold_is_what_the_journal_folds_to(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path, keep_journal=True) as stage:
            for value in (10.0, 80.0, 10.0, 90.0):
                await stage.spine.append_batch(batch(value))
                await stage.spine.append(tick_entry())
            await stage.all_is_folded()
            live = stage.spine.fold
            again = await refolded(stage.journal)
            assert again.checkpoint() == live.checkpoint()
            assert live.state.alarms

    scene(act)


def test_a_decision_comes_with_what_the_fold_made_of_it(scene: Scene[None], tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            await stage.spine.append_batch(batch(80.0))
            await until(lambda: bool(stage.spine.fold.state.alarms))
            [alarm] = stage.spine.fold.state.alarms.values()
            wanted = Act(
                id="1", verb="acknowledge", alarm=alarm.id, actor="li", at=alarm.raised_at + 1
            )
            _, outcome = await stage.spine.decide(Entry(EntryKind.ACT, wanted.to_bytes()))
            assert outcome.refusal is None
            [after] = outcome.alarms
            assert (after.id, after.state) == (alarm.id, "acknowledged")

    scene(act)


def test_what_the_journal_refuses_is_told_to_every_caller_and_not_folded(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            await stage.all_is_folded()
            before = stage.spine.fold.position
            await stage.journal.close()
            told = await asyncio.gather(
                *(stage.spine.append_batch(batch(80.0)) for _ in range(3)),
                stage.spine.decide(tick_entry()),
                return_exceptions=True,
            )
            assert {type(error) for error in told} == {JournalUnavailable}
            assert stage.spine.fault is not None
            assert stage.spine.fold.position == before

    scene(act)


async def ticks_of(stage: Stage, times: Iterator[int], listening: Iterator[bool]) -> list[Tick]:
    """What the second hand appended while the clock said these times (µs), in order."""
    hand = asyncio.ensure_future(
        tick(stage.spine, clock=lambda: next(times), listening=lambda: next(listening))
    )
    # Its clock runs out: that ends it.
    with pytest.raises(RuntimeError):
        await hand
    await stage.all_is_folded()
    kept = await stage.journal.read(0, max_bytes=1 << 24)
    return [Tick.from_bytes(e.payload) for _, e in kept if e.kind is EntryKind.TICK]


def test_each_second_lived_through_is_one_tick_and_a_pause_is_not_made_up(
    scene: Scene[None], tmp_path: Path
) -> None:
    start = 1_790_000_000 * SECOND

    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            offsets = (0.4, 0.999, 1.001, 1.999_9, 7.5, 7.999, 8.001, 6.0)
            times = iter([start + round(offset * SECOND) for offset in offsets])
            seen = await ticks_of(stage, times, iter([True] * 20))
            assert [(t.now - start) / SECOND for t in seen] == [0, 1, 7, 8]

    scene(act)


def test_a_second_counts_as_listening_only_if_both_its_ends_were(
    scene: Scene[None], tmp_path: Path
) -> None:
    start = 1_790_000_000 * SECOND

    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            times = iter([start + n * SECOND for n in range(5)])
            listened = iter([True, True, False, True, True, True])
            seen = await ticks_of(stage, times, listened)
            assert [t.listening for t in seen] == [True, False, False, True, True]

    scene(act)


GAS = SensorSpec(id=1, gateway=1, period_us=SECOND)
BOX = GatewaySpec(number=1)


def made(*sensors: SensorSpec, gateways: tuple[GatewaySpec, ...] = (BOX,)) -> Configuration:
    return Configuration(
        sensors={s.id: s for s in sensors}, gateways={g.number: g for g in gateways}
    )


def test_equal_configurations_differ_in_nothing() -> None:
    assert difference(made(GAS), made(GAS), at=1) is None
    assert difference(Configuration(), Configuration(), at=1) is None


def test_what_was_added_changed_or_removed_is_the_difference_and_nothing_else() -> None:
    other = msgspec.structs.replace(GAS, id=2)
    changed = msgspec.structs.replace(GAS, range_high=100.0)
    found = difference(made(GAS, other), made(changed, gateways=()), at=7)
    assert found is not None
    assert found.sensors == (changed,)
    assert found.removed_sensors == (2,)
    assert found.removed_gateways == (1,)
    assert found.gateways == ()
    assert found.timing is None
    assert (found.at, found.full) == (7, False)


def test_the_difference_turns_one_configuration_into_the_other(
    scene: Scene[None], tmp_path: Path
) -> None:
    async def act(database: Database) -> None:
        async with staged(database, tmp_path) as stage:
            wanted = made(
                msgspec.structs.replace(PROGRAM.sensors[0], range_high=60.0),
                msgspec.structs.replace(GAS, id=77, gateway=2),
                gateways=(BOX, GatewaySpec(number=2)),
            )
            change = difference(stage.spine.fold.configuration, wanted, at=1)
            assert change is not None
            await stage.spine.decide(Entry(EntryKind.PROGRAM, change.to_bytes()))
            assert difference(stage.spine.fold.configuration, wanted, at=2) is None

    scene(act)
