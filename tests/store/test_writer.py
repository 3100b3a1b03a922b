"""The writer against a real server: once, all or nothing, in any cut, whatever arrives late."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from domain.entries import Entry, EntryKind
from store.database import Database, DatabaseUnavailable
from store.decisions import ReplayDiffers
from store.holes import record_hole
from store.migrate import migrate
from store.recovery import Fenced, InUse, take_claim
from store.writer import (
    DatabaseBehind,
    StaleJournal,
    StretchRefused,
    commit,
    open_epoch,
    recover,
)
from tests.store.conftest import Play, Server, embedded_server
from tests.store.stretches import (
    JOURNAL,
    SECOND,
    START,
    T0,
    Row,
    alarm,
    holes,
    readings,
    stretch,
    transition,
)


async def stored(database: Database) -> list[Row]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT sensor, ts, value FROM readings ORDER BY ts, sensor")
    return [(row["sensor"], (row["ts"] - T0) / SECOND, row["value"]) for row in rows]


async def corrected(database: Database) -> list[Row]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT sensor, ts, value FROM reading_corrections ORDER BY id"
        )
    return [(row["sensor"], (row["ts"] - T0) / SECOND, row["value"]) for row in rows]


def test_readings_are_stored_with_the_verdicts_quality_and_their_position(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(
            database, stretch(1, readings((7, 0.25, 61.5), (8, 0.5, -2.0)), readings((7, 1, 3)))
        )
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM readings ORDER BY ts")
        assert [tuple(row) for row in rows] == [
            (T0 + 250_000, 7, 1, 16, 61.5, T0, START),
            (T0 + 500_000, 8, 1, 16, -2.0, T0, START),
            (T0 + 1_000_000, 7, 1, 16, 3.0, T0, START + 1),
        ]

    opened(act)


def test_a_stretch_committed_again_changes_nothing(opened: Play) -> None:
    async def act(database: Database) -> None:
        key = f"{START}.0"
        change = stretch(
            0,
            readings((7, 0, 61)),
            transitions=[(START, 0, transition(key))],
            alarms=[alarm(key, 0)],
            checkpoint=b"state",
        )
        for _ in range(3):
            await commit(database, change)
        assert await stored(database) == [(7, 0, 61)]
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM transitions") == 1
            assert await connection.fetchval("SELECT count(*) FROM alarms") == 1
            assert await connection.fetchval("SELECT count(*) FROM outbox") == 1
        assert (await recover(database)).checkpoint == b"state"

    opened(act)


def test_stretches_cut_differently_on_a_replay_store_each_entry_once(opened: Play) -> None:
    async def act(database: Database) -> None:
        parts = [readings((7, i, float(i)), (8, i, -1.0)) for i in range(6)]
        await commit(database, stretch(2, *parts[:3]))
        await commit(database, stretch(1, *parts[:2]))
        await commit(database, stretch(5, *parts[1:]))
        assert len(await stored(database)) == 12
        assert (await recover(database)).position == START + 5

    opened(act)


def test_readings_not_kept_are_not_stored(opened: Play) -> None:
    async def act(database: Database) -> None:
        done = await commit(database, stretch(0, readings((7, 0, 1), kept=False)))
        assert (done.rows, await stored(database)) == (0, [])

    opened(act)


def test_late_rows_are_stored_duplicates_ignored_corrections_kept_aside(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, 10, 1), (7, 20, 2), (7, 30, math.nan))))
        late = readings(
            (7, 5, 9),
            (7, 10, 1),
            (7, 20, 5),
            (7, 20, 5),
            (7, 20, 6),
            (7, 30, math.nan),
            fresh=False,
        )
        done = await commit(database, stretch(1, late))
        assert (done.duplicates, done.corrections) == (3, 2)
        rows = await stored(database)
        assert rows[:3] == [(7, 5, 9), (7, 10, 1), (7, 20, 6)]
        assert math.isnan(rows[3][2])
        assert await corrected(database) == [(7, 20, 2), (7, 20, 5)]
        await commit(database, stretch(2, readings((7, 20, 2), (7, 30, 4), fresh=False)))
        assert (await stored(database))[2:] == [(7, 20, 2), (7, 30, 4)]
        assert len(await corrected(database)) == 4

    opened(act)


def test_fresh_rows_that_meet_stored_ones_are_merged_instead(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, 1, 1), (7, 2, 2))))
        done = await commit(database, stretch(1, readings((7, 2, 2), (7, 3, 3), (9, 1, 1))))
        assert (done.fast, done.duplicates, done.corrections) == (False, 1, 0)
        assert await stored(database) == [(7, 1, 1), (9, 1, 1), (7, 2, 2), (7, 3, 3)]

    opened(act)


@pytest.mark.parametrize("fresh", [True, False])
def test_any_accepted_time_finds_a_partition(opened: Play, fresh: bool) -> None:
    async def act(database: Database) -> None:
        day, year = 86_400, 365.25 * 86_400
        times = [
            0,
            day,
            -90 * day,
            -200 * day,
            -201 * day,
            -3 * year,
            -50 * year,
            70 * year,
            -56 * year,
        ]
        rows = [(7, float(round(time)), 1.0) for time in times]
        await commit(database, stretch(0, readings(*rows, fresh=fresh)))
        await commit(database, stretch(1, readings((7, -199 * day, 2.0), fresh=fresh)))
        found = await stored(database)
        assert sorted(row[1] for row in found) == sorted([*(r[1] for r in rows), -199 * day])

    opened(act)


@pytest.mark.usefixtures("own_partitions")
def test_a_partition_dropped_by_another_process_is_made_again(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, 0, 1))))
        other = Database(database._pool, timeout_s=5)
        async with other.connection() as connection:
            [part] = await other.partitions.ending_before(connection, "readings", T0 * 2)
            await connection.execute(f"DROP TABLE {part.name}")
        await commit(database, stretch(1, readings((7, 1, 2))))
        await commit(database, stretch(2, readings((7, 0, 2), fresh=False)))
        assert await stored(database) == [(7, 0, 2), (7, 1, 2)]

    opened(act)


@pytest.mark.usefixtures("own_partitions")
def test_writers_of_two_processes_make_one_partition(opened: Play) -> None:
    async def act(database: Database) -> None:
        others = [Database(database._pool, timeout_s=5) for _ in range(4)]

        async def ensure(other: Database) -> None:
            async with other.connection() as connection:
                await other.partitions.ensure(connection, "readings", np.array([T0]), now=T0)

        await asyncio.gather(*(ensure(other) for other in others))

    opened(act)


def test_an_alarm_row_follows_its_alarm_and_the_next_episode_opens(opened: Play) -> None:
    async def act(database: Database) -> None:
        one, two = f"{START}.0", f"{START + 1}.1"
        await commit(database, stretch(0, alarms=[alarm(one, 0)]))
        closed = alarm(one, 1, state="normal", active=False)
        await commit(database, stretch(1, alarms=[alarm(two, 1, ordinal=1), closed]))
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT state FROM alarms ORDER BY born_position")
        assert [row["state"] for row in rows] == ["normal", "unacknowledged"]

    opened(act)


def test_the_database_refuses_a_second_open_alarm_of_one_target(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, alarms=[alarm(f"{START}.0", 0)]))
        with pytest.raises(StretchRefused, match="unique constraint"):
            await commit(database, stretch(1, alarms=[alarm(f"{START + 1}.0", 1)]))
        assert (await recover(database)).position == START

    opened(act)


def test_a_replay_that_decides_differently_is_refused(opened: Play) -> None:
    async def act(database: Database) -> None:
        change = stretch(0, transitions=[(START, 0, transition(value=61.0))])
        await commit(database, change)
        with pytest.raises(ReplayDiffers, match="another content"):
            await commit(
                database, replace(change, transitions=[(START, 0, transition(value=61.1))])
            )
        with pytest.raises(ReplayDiffers, match="not stored"):
            await commit(database, replace(change, transitions=[(START, 1, transition())]))

    opened(act)


def test_everything_of_a_commit_is_stored_or_nothing(opened: Play) -> None:
    async def act(database: Database) -> None:
        twice = [(START, 0, transition()), (START, 0, transition())]
        with pytest.raises(StretchRefused, match="unique constraint"):
            await commit(database, stretch(0, readings((7, 0, 1)), transitions=twice))
        assert await stored(database) == []
        assert (await recover(database)).position == 0

    opened(act)


def test_a_commit_of_another_journal_is_refused(opened: Play) -> None:
    async def act(database: Database) -> None:
        with pytest.raises(StaleJournal, match=JOURNAL):
            await commit(database, replace(stretch(0), journal_id="other"))

    opened(act)


def test_a_stretch_that_would_leave_a_hole_is_refused(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(3, after=0))
        await commit(database, stretch(4, after=START + 2))
        with pytest.raises(DatabaseBehind, match=str(START + 4)):
            await commit(database, stretch(9, after=START + 5))
        assert (await recover(database)).position == START + 4

    opened(act)


def test_after_a_crash_the_database_stands_at_one_place_not_before_its_checkpoint() -> None:
    """PostgreSQL is killed; commits that did not wait for the disk may be gone, all of each."""
    folder = Path(tempfile.mkdtemp(prefix="vedette-crash-", dir="/tmp"))
    server = embedded_server(folder, fsync="on", wal_writer_delay="10s")

    async def before(dsn: str) -> None:
        database = await Database.connect(dsn)
        await migrate(database)
        await open_epoch(database, JOURNAL, first_position=START, now=T0)
        for i in range(20):
            checkpoint = b"state" if i == 9 else None
            key = transition(event=str(i))
            await commit(
                database,
                stretch(
                    i,
                    readings((1, float(i), 1.0)),
                    transitions=[(START + i, 0, key)],
                    checkpoint=checkpoint,
                ),
            )
        server.kill()
        await database.close()

    async def afterwards(dsn: str) -> None:
        database = await Database.connect(dsn)
        found = await recover(database)
        assert (found.checkpoint, found.checkpoint_position) == (b"state", START + 9)
        there = found.position - START + 1
        assert 10 <= there <= 20
        assert [row[1] for row in await stored(database)] == [float(i) for i in range(there)]
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM transitions") == there
        if there < 20:
            with pytest.raises(DatabaseBehind):
                await commit(database, stretch(20, after=START + 19))
        await database.close()

    try:
        with server as dsn:
            asyncio.run(before(dsn))
        with server as dsn:
            asyncio.run(afterwards(dsn))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_new_journal_opens_an_epoch_behind_the_old(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(5))
        with pytest.raises(ValueError, match="never repeat"):
            await open_epoch(database, "other", first_position=START + 5, now=T0)
        await open_epoch(database, "other", first_position=START + 6, now=T0)
        await open_epoch(database, "other", first_position=START + 6, now=T0)
        assert (await recover(database)).journal_id == "other"
        for _ in range(2):
            await record_hole(
                database, journal_id="other", after=START + 5, next_=START + 9, now=T0, reason="x"
            )
        assert [(hole["next_position"], hole["kind"]) for hole in await holes(database)] == [
            (START + 9, "lost"),
            (START + 6, "epoch"),
        ]

    opened(act)


def test_a_journal_another_one_took_over_from_never_takes_the_database_back(opened: Play) -> None:
    async def act(database: Database) -> None:
        await open_epoch(database, "other", first_position=START + 6, now=T0)
        with pytest.raises(Fenced, match=r"took this database over at 20\d\d-.*other"):
            await open_epoch(database, JOURNAL, first_position=START + 90, now=T0)

    opened(act)


@pytest.mark.parametrize(
    "trace",
    [
        "UPDATE spine SET received_through = now() - $1::interval",
        "UPDATE checkpoints SET stored_at = now() - $1::interval",
        "UPDATE journal_epochs SET opened_at = now() - $1::interval",
    ],
)
def test_a_database_another_service_used_within_half_a_minute_is_not_taken_over(
    opened: Play, trace: str
) -> None:
    async def act(database: Database) -> None:
        await commit(database, replace(stretch(1), checkpoint=b"state"))
        async with database.connection() as connection:
            await connection.execute("UPDATE checkpoints SET stored_at = 'epoch'")
        for ago_s, said in ((5, "5 s ago"), (-5, "0 s ago")):
            await leave(database, ago_s)
            with pytest.raises(InUse, match=f"journal {JOURNAL}, used this database {said}"):
                await open_epoch(database, "other", first_position=START + 6, now=T0)
        for ago_s in (31, -3600):  # the server's clock was set back by an hour
            await leave(database, ago_s)
            await open_epoch(database, f"other {ago_s}", first_position=START + 6, now=T0)

    async def leave(database: Database, ago_s: int) -> None:
        async with database.connection() as connection:
            await connection.execute(trace, timedelta(seconds=ago_s))

    opened(act)


def test_who_claims_last_stores_and_nobody_else(opened: Play) -> None:
    async def act(database: Database) -> None:
        await take_claim(database, JOURNAL, known=["a"], new="a")
        await take_claim(database, JOURNAL, known=["a"], new="a")
        await commit(database, replace(stretch(1), claim="a"))
        await take_claim(database, JOURNAL, known=["a", "copy"], new="copy")
        with pytest.raises(StaleJournal, match="another copy"):
            await commit(database, replace(stretch(2), claim="a"))
        with pytest.raises(Fenced):
            await take_claim(database, JOURNAL, known=["a", "a2"], new="a2")
        await commit(database, replace(stretch(2), claim="copy"))
        await open_epoch(database, "other", first_position=START + 6, now=T0)
        assert (await recover(database)).claim is None

    opened(act)


def test_the_newest_two_checkpoints_are_kept(opened: Play) -> None:
    async def act(database: Database) -> None:
        for i in range(4):
            await commit(database, stretch(i, checkpoint=b"%d" % i))
        found = await recover(database)
        assert (found.checkpoint, found.checkpoint_position) == (b"3", START + 3)
        assert found.previous_checkpoint_position == START + 2
        await commit(database, stretch(1, checkpoint=b"old"))
        assert (await recover(database)).checkpoint == b"3"

    opened(act)


def test_program_and_act_entries_are_kept_ticks_are_not(opened: Play) -> None:
    async def act(database: Database) -> None:
        kinds = [EntryKind.TICK, EntryKind.PROGRAM, EntryKind.ACT]
        entries = [(START + i, Entry(kind, b"x")) for i, kind in enumerate(kinds)]
        await commit(database, stretch(2, entries=entries))
        await commit(database, stretch(2, entries=entries))
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT kind FROM kept_entries ORDER BY position")
        assert [row["kind"] for row in rows] == [EntryKind.PROGRAM, EntryKind.ACT]

    opened(act)


def test_listeners_hear_of_stored_transitions(opened: Play) -> None:
    async def act(database: Database) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        async with database.connection() as connection:
            await connection.add_listener(
                "vedette_transitions", lambda *message: heard.put_nowait(str(message[3]))
            )
            await commit(database, stretch(0))
            await commit(database, stretch(1, transitions=[(START + 1, 0, transition())]))
            assert await asyncio.wait_for(heard.get(), 5) == str(START + 1)
            await connection.reset()

    opened(act)


def test_a_cut_connection_is_unavailable_and_the_next_commit_succeeds(opened: Play) -> None:
    async def act(database: Database) -> None:
        await commit(database, stretch(0, readings((7, 0, 1))))
        async with database.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            task = asyncio.ensure_future(commit(database, stretch(1, readings((7, 1, 2)))))
            try:
                await asyncio.wait_for(task, 10)
            except DatabaseUnavailable:
                assert not database.available
        await commit(database, stretch(1, readings((7, 1, 2))))
        assert database.available
        assert await stored(database) == [(7, 0, 1), (7, 1, 2)]

    opened(act)


@pytest.mark.parametrize("when", ["between statements", "in a statement", "in a copy"])
def test_a_connection_that_breaks_in_a_transaction_is_told_as_lost(opened: Play, when: str) -> None:
    """Not in the words by which asyncpg says what it cannot do with it any more."""

    async def act(database: Database) -> None:
        with pytest.raises(DatabaseUnavailable) as told:
            async with database.transaction() as connection:
                broken = cut(database, await connection.fetchval("SELECT pg_backend_pid()"))
                if when == "between statements":
                    await broken
                    await connection.execute("SELECT 1")
                elif when == "in a statement":
                    await asyncio.gather(connection.execute("SELECT pg_sleep(60)"), broken)
                else:
                    await connection.execute("CREATE TABLE copied (line text)")
                    await connection.copy_to_table("copied", source=lines(broken))
        assert str(told.value) == "the connection to the database was lost"
        assert not database.available

    async def cut(database: Database, pid: int) -> None:
        async with database.connection() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)

    async def lines(broken: Awaitable[None]) -> AsyncIterator[bytes]:
        yield b"before"
        await broken
        yield b"after"

    opened(act)


def test_a_protocol_that_asyncpg_lost_track_of_is_told_as_a_lost_connection(opened: Play) -> None:
    """What a server killed at an unlucky moment leaves behind; no test can choose the moment."""

    async def act(database: Database) -> None:
        with pytest.raises(DatabaseUnavailable, match=r"^the connection to the database was lost$"):
            async with database.transaction():
                raise asyncpg.InternalClientError(
                    "cannot switch to state 15; another operation (2)"
                )
        async with database.connection() as connection:
            with pytest.raises(asyncpg.DataError):
                await connection.execute("SELECT $1::integer", "no number")

    opened(act)


def test_a_missing_server_makes_a_commit_unavailable(server: Server) -> None:
    async def play() -> None:
        database = await Database.connect(server.dsn("no_such_database"), connect_timeout_s=2)
        with pytest.raises(DatabaseUnavailable):
            await commit(database, stretch(0))
        await database.close()

    asyncio.run(play())
