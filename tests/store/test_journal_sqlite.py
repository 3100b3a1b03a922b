"""What only the SQLite journal can be asked: formats, a disk that is really full, its pragmas."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.entries import Entry, EntryKind
from store.journal import Journal, JournalFull, JournalNewer, JournalUnavailable, open_journal

NOW_S = 1_790_000_000


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def scene() -> None:
        journal = await open_journal(f"sqlite:///{path}", now_s=NOW_S)
        await journal.close()
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
        connection.close()
        with pytest.raises(JournalNewer, match="format 2"):
            await open_journal(f"sqlite:///{path}", now_s=NOW_S)

    asyncio.run(scene())


def test_a_file_that_is_no_journal_is_reported_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database, " * 1000)

    async def scene() -> None:
        with pytest.raises(JournalUnavailable, match=r"journal\.db cannot be opened"):
            await open_journal(f"sqlite:///{tmp_path}/journal.db", now_s=NOW_S)

    asyncio.run(scene())


@pytest.mark.parametrize("url", ["nats://host/x", "sqlite://host/x", "sqlite:///", "journal.db"])
def test_an_unknown_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///PATH"):
        asyncio.run(open_journal(url, now_s=NOW_S))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", tmp_path], check=True)
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


async def append_until_full(journal: Journal, kept: list[int]) -> None:
    while True:
        position = await journal.append([Entry(EntryKind.BATCH, bytes(20_000))])
        kept.append(position)


def test_a_full_disk_refuses_appends_reads_on_and_recovers(small_disk: Path) -> None:
    async def scene() -> None:
        journal = await open_journal(f"sqlite:///{small_disk}/journal.db", now_s=NOW_S)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(2 << 20))
        kept: list[int] = []
        with pytest.raises(JournalFull):
            await append_until_full(journal, kept)
        with pytest.raises(JournalUnavailable):
            await journal.append([Entry(EntryKind.BATCH, bytes(200_000))])
        assert [p for p, _ in await journal.read(0, max_bytes=1 << 30)] == kept
        filler.unlink()
        assert await journal.append([Entry(EntryKind.BATCH, bytes(200_000))]) == kept[-1] + 1
        await journal.close()

    asyncio.run(scene())


@pytest.mark.parametrize("moved", ["journal.db", "."])
def test_a_journal_whose_file_was_taken_away_goes_on_and_says_so(
    tmp_path: Path, moved: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()

    async def scene() -> None:
        journal = await open_journal(f"sqlite:///{home / 'journal.db'}", now_s=NOW_S)
        kept = await journal.append([Entry(EntryKind.ACT, b"at home")])
        assert not (await journal.space()).astray
        (home / moved).rename(tmp_path / "elsewhere")
        assert await journal.append([Entry(EntryKind.ACT, b"abroad")]) == kept + 1
        assert len(await journal.read(kept - 1, max_bytes=1000)) == 2
        space = await journal.space()
        assert space.astray
        assert space.free > 0
        (tmp_path / "elsewhere").rename(home / moved)
        assert not (await journal.space()).astray
        await journal.close()

    asyncio.run(scene())
