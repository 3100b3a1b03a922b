"""The contract every journal passes: order, durability, idempotent positions, room, trimming.

A second implementation joins by one more row in `URLS`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.entries import Entry, EntryKind
from store.journal import Journal, JournalFull, JournalUnavailable, open_journal

NOW_S = 1_790_000_000
URLS = [pytest.param("sqlite:///{folder}/journal.db", id="sqlite")]


class Opener:
    """Opens a journal of one kind in a folder."""

    def __init__(self, template: str) -> None:
        self._template = template

    def url(self, folder: Path) -> str:
        return self._template.format(folder=folder)

    async def __call__(self, folder: Path, *, now_s: int = NOW_S, **options: int) -> Journal:
        return await open_journal(self.url(folder), now_s=now_s, **options)


@pytest.fixture(params=URLS)
def opener(request: pytest.FixtureRequest) -> Opener:
    return Opener(request.param)


@asynccontextmanager
async def journal_at(opener: Opener, folder: Path, **options: int) -> AsyncIterator[Journal]:
    journal = await opener(folder, **options)
    try:
        yield journal
    finally:
        await journal.close()


def entry(text: str, size: int = 0) -> Entry:
    return Entry(EntryKind.BATCH, text.encode().ljust(size, b"."))


async def read_all(journal: Journal, after: int = 0) -> list[tuple[int, Entry]]:
    found: list[tuple[int, Entry]] = []
    while part := await journal.read(found[-1][0] if found else after, max_bytes=1000):
        found.extend(part)
    return found


async def append_many(journal: Journal, times: int, kept: list[int]) -> None:
    for i in range(times):
        position = await journal.append([entry(str(i), 20_000)])
        kept.append(position)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


def test_entries_come_back_in_order_with_their_kind(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            written = [Entry(kind, bytes([kind, 0, 255])) for kind in EntryKind]
            first = await journal.append(written[:3])
            assert await journal.append(written[3:]) == first + 3
            assert await read_all(journal) == [(first + i, e) for i, e in enumerate(written)]
            assert (journal.first, journal.last) == (first, first + 3)

    asyncio.run(scene())


def test_concurrent_appends_get_disjoint_consecutive_positions(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            texts = [[f"{i}.{j}" for j in range(1 + i % 5)] for i in range(200)]
            appends = (journal.append([entry(text) for text in group]) for group in texts)
            firsts = await asyncio.gather(*appends)
            found = {position: e.payload.decode() for position, e in await read_all(journal)}
            for first, group in zip(firsts, texts, strict=True):
                assert [found[first + j] for j in range(len(group))] == group

    asyncio.run(scene())


def test_a_new_journal_starts_at_its_birth_so_positions_never_repeat(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path / "a") as one:
            assert await one.append([entry("x")]) == NOW_S << 20
        async with journal_at(opener, tmp_path / "b", now_s=5, after=one.last) as other:
            assert other.id != one.id
            assert await other.append([entry("x")]) == one.last + 1

    asyncio.run(scene())


def test_id_entries_and_positions_survive_a_restart(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            first = await journal.append([entry("kept")])
            identity = journal.id
        async with journal_at(opener, tmp_path, now_s=NOW_S + 99) as journal:
            assert journal.id == identity
            assert await read_all(journal) == [(first, entry("kept"))]
            assert await journal.append([entry("next")]) == first + 1

    asyncio.run(scene())


def test_positions_are_not_used_again_when_everything_was_trimmed(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            first = await journal.append([entry(str(i)) for i in range(45)])
            await journal.trim(journal.last)
            assert await read_all(journal) == []
            assert (journal.first, journal.last) == (first + 45, first + 44)
        async with journal_at(opener, tmp_path) as journal:
            assert journal.last == first + 44
            assert await journal.append([entry("next")]) == first + 45

    asyncio.run(scene())


def test_read_gives_about_the_bytes_asked_for_and_at_least_one(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            first = await journal.append([entry(str(i), 1000) for i in range(10)])
            assert len(await journal.read(0, max_bytes=1)) == 1
            assert len(await journal.read(0, max_bytes=3000)) == 3
            assert [p for p, _ in await journal.read(first + 7, max_bytes=10**6)] == [
                first + 8,
                first + 9,
            ]
            assert await journal.read(journal.last, max_bytes=10**6) == []

    asyncio.run(scene())


def test_trimmed_entries_are_not_read_and_their_room_comes_back(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            first = await journal.append([entry(str(i), 20_000) for i in range(100)])
            full = (await journal.space()).used
            await journal.trim(first + 89)
            assert [p for p, _ in await read_all(journal)] == list(range(first + 90, first + 100))
            assert journal.first == first + 90

            async def has_given_room_back() -> bool:
                return (await journal.space()).used < full / 2

            await until(has_given_room_back)

    asyncio.run(scene())


def test_a_full_journal_keeps_what_it_has_and_goes_on_after_trimming(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path, max_bytes=1_000_000) as journal:
            kept: list[int] = []
            with pytest.raises(JournalFull):
                await append_many(journal, 1000, kept)
            assert len(kept) > 30
            assert [p for p, _ in await read_all(journal)] == kept
            await journal.trim(kept[-6])
            await append_many(journal, len(kept) - 10, kept)
            assert kept == list(range(kept[0], kept[0] + len(kept)))

    asyncio.run(scene())


def test_claims_survive_in_their_order_and_the_oldest_give_way(
    opener: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        made = [f"{n:016x}" for n in range(150)]
        async with journal_at(opener, tmp_path) as journal:
            assert await journal.claims() == []
            await journal.add_claim(made[0])
            assert await journal.claims() == made[:1]
        async with journal_at(opener, tmp_path) as journal:
            for claim in made[1:]:
                await journal.add_claim(claim)
            assert await journal.claims() == made[-100:]
        with pytest.raises(JournalUnavailable):
            await journal.add_claim("late")
        with pytest.raises(JournalUnavailable):
            await journal.claims()

    asyncio.run(scene())


def test_a_full_journal_takes_a_claim_all_the_same(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path, max_bytes=1_000_000) as journal:
            with pytest.raises(JournalFull):
                await append_many(journal, 1000, [])
            for n in range(150):
                await journal.add_claim(f"{n:016x}")
            assert len(await journal.claims()) == 100

    asyncio.run(scene())


def test_a_claim_and_appends_at_once_disturb_nobody(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path) as journal:
            await asyncio.gather(
                *(journal.append([entry(str(n))]) for n in range(100)),
                *(journal.add_claim(f"c{n}") for n in range(20)),
                *(journal.append([entry(str(n))]) for n in range(100)),
            )
            assert len(await read_all(journal)) == 200
            assert await journal.claims() == [f"c{n}" for n in range(20)]

    asyncio.run(scene())


def test_a_second_opener_is_refused_while_the_first_lives(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        async with journal_at(opener, tmp_path):
            with pytest.raises(JournalUnavailable, match="another process"):
                await opener(tmp_path)
        async with journal_at(opener, tmp_path) as journal:
            await journal.append([entry("mine now")])

    asyncio.run(scene())


def test_a_closed_journal_refuses_everything(opener: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        journal = await opener(tmp_path)
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.append([entry("late")])
        with pytest.raises(JournalUnavailable):
            await journal.read(0, max_bytes=1)

    asyncio.run(scene())


APPENDER = """
    import asyncio, sys
    from domain.entries import Entry, EntryKind
    from store.journal import open_journal

    async def main():
        journal = await open_journal(sys.argv[1], now_s=int(sys.argv[2]))
        while True:
            entries = [Entry(EntryKind.BATCH, bytes(5000)), Entry(EntryKind.TICK, b"t")]
            position = await journal.append(entries)
            print(position + 1, flush=True)
            if position % 64 < 2:
                await journal.trim(position - 200)

    asyncio.run(main())
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    opener: Opener, tmp_path: Path
) -> None:
    program = textwrap.dedent(APPENDER)
    arguments = [sys.executable, "-c", program, opener.url(tmp_path), str(NOW_S)]
    acknowledged = 0
    for round_ in range(4):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(50 + 100 * round_):
                acknowledged = int(child.stdout.readline())
            os.kill(child.pid, signal.SIGKILL)
            for line in child.stdout:
                acknowledged = int(line) if line.endswith("\n") else acknowledged

        async def scene(acknowledged: int = acknowledged) -> None:
            async with journal_at(opener, tmp_path) as journal:
                positions = [p for p, _ in await read_all(journal)]
                assert positions == list(range(journal.first, journal.last + 1))
                assert journal.last >= acknowledged
                assert journal.first <= acknowledged - 200 + 64 * 2

        asyncio.run(scene())
