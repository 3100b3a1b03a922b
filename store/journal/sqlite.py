"""A journal in one SQLite file (WAL, synchronous FULL): the default on one machine.

One thread writes. It takes every append that is waiting and commits them together, so one fsync
serves them all; between them, and when nothing waits, it trims in small steps. A second thread
reads. Memory is bounded by what the callers of `append` hold while they wait.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final, Self

from domain.entries import Entry
from domain.readings import Position
from store.journal.contract import JournalFull, JournalUnavailable, Space
from store.journal.sqlite_file import SqliteFile, SqliteReader, unavailable

TOGETHER: Final = 64
"""Most appends committed in one transaction."""


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    entries: Sequence[Entry]
    done: asyncio.Future[Position]


@dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    claim: str
    done: asyncio.Future[None]


class SqliteJournal:
    """See `store.journal.Journal` for the contract. Make one with `open`."""

    def __init__(self, path: Path, file: SqliteFile, *, max_bytes: int) -> None:
        self._path = path
        self._file = file
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._first = file.first
        self._last = file.last
        self._trim_through = file.first - 1
        self._closing = False
        self._appends: queue.SimpleQueue[_Append | _Claim | None] = queue.SimpleQueue()
        self._reader = SqliteReader(path)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._writer = Thread(target=self._write, name="journal-write", daemon=True)
        self._writer.start()

    @classmethod
    async def open(cls, path: Path, *, now_s: int, after: int = 0, max_bytes: int) -> Self:
        """Open or make the journal at `path`; arguments and errors as `open_journal`."""
        opening = partial(SqliteFile, path, now_s=now_s, after=after, max_bytes=max_bytes)
        try:
            file = await asyncio.to_thread(opening)
        except (sqlite3.Error, OSError) as error:
            message = f"journal {path} cannot be opened: {error}"
            raise JournalUnavailable(message) from error
        return cls(path, file, max_bytes=max_bytes)

    @property
    def id(self) -> str:
        return self._file.id

    @property
    def first(self) -> Position:
        return self._first

    @property
    def last(self) -> Position:
        return self._last

    async def append(self, entries: Sequence[Entry]) -> Position:
        if not entries:
            message = "append needs at least one entry"
            raise ValueError(message)
        self._refuse_when_closing()
        done: asyncio.Future[Position] = self._loop.create_future()
        self._appends.put(_Append(entries, done))
        return await done

    async def read(self, after: int, *, max_bytes: int) -> list[tuple[Position, Entry]]:
        self._refuse_when_closing()
        reading = partial(self._reader.read, max(after, self._first - 1), max_bytes=max_bytes)
        try:
            return await self._loop.run_in_executor(self._reading, reading)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def trim(self, through: int) -> None:
        self._refuse_when_closing()
        self._trim_through = max(self._trim_through, min(through, self._last))
        self._first = Position(max(self._first, self._trim_through + 1))
        done: asyncio.Future[Position] = self._loop.create_future()
        self._appends.put(_Append((), done))  # wakes the writer
        await done

    async def space(self) -> Space:
        self._refuse_when_closing()
        try:
            measuring = partial(self._reader.space, self._max_bytes)
            return await self._loop.run_in_executor(self._reading, measuring)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error

    async def claims(self) -> list[str]:
        self._refuse_when_closing()
        try:
            return await self._loop.run_in_executor(self._reading, self._reader.claims)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def add_claim(self, claim: str) -> None:
        self._refuse_when_closing()
        done: asyncio.Future[None] = self._loop.create_future()
        self._appends.put(_Claim(claim, done))
        await done

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._appends.put(None)
        await asyncio.to_thread(self._writer.join)
        await self._loop.run_in_executor(self._reading, self._reader.close)
        self._reading.shutdown()

    def _refuse_when_closing(self) -> None:
        if self._closing:
            message = f"journal {self._path} is closed"
            raise JournalUnavailable(message)

    # The writer's thread. Nothing above touches the file but through it and the reader.

    def _write(self) -> None:
        trimmed = self._trim_through
        stopping = False
        while not stopping:
            waiting, stopping = self._take(block=trimmed >= self._trim_through)
            target = self._trim_through
            appends = [append for append in waiting if append.entries]
            bells = [append for append in waiting if not append.entries]
            if appends:
                self._commit(appends, target)
            elif trimmed < target and not self._trim_step(target):
                trimmed = target
            self._answer(bells, [Position(target)] * len(bells))
        self._file.close()

    def _take(self, *, block: bool) -> tuple[list[_Append], bool]:
        """Everything that waits, up to `TOGETHER`; and whether the journal is to close."""
        taken: list[_Append] = []
        while len(taken) < TOGETHER:
            try:
                append = self._appends.get(block=block and not taken)
            except queue.Empty:
                break
            if append is None:
                return taken, True
            if isinstance(append, _Claim):
                self._note(append)
                return taken, False
            taken.append(append)
        return taken, False

    def _note(self, noted: _Claim) -> None:
        try:
            self._file.add_claim(noted.claim)
        except sqlite3.Error as error:
            self._from_thread(partial(_settle, noted.done, unavailable(error)))
        else:
            self._from_thread(partial(_settle, noted.done, None))

    def _commit(self, appends: list[_Append], trim_through: int) -> None:
        together = [entry for append in appends for entry in append.entries]
        try:
            position = self._file.append(together, trim_through=trim_through)
        except sqlite3.Error as error:
            failure = unavailable(error)
            if isinstance(failure, JournalFull):
                self._trim_step(trim_through)  # its own transaction: it needs no new pages
            else:
                failure = self._reopen(failure)
            self._from_thread(partial(_fail, appends, failure))
            return
        self._last = self._file.last
        positions: list[Position] = []
        for append in appends:
            positions.append(position)
            position = Position(position + len(append.entries))
        self._answer(appends, positions)

    def _reopen(self, failure: JournalUnavailable) -> JournalUnavailable:
        try:
            self._file.reopen()
        except (sqlite3.Error, OSError) as error:
            return JournalUnavailable(f"{failure}; and it cannot be opened again: {error}")
        return failure

    def _trim_step(self, through: int) -> bool:
        """True while there is more to trim. A failed step is left to the next append or trim."""
        try:
            return self._file.trim(through)
        except sqlite3.Error:
            return False

    def _answer(self, appends: list[_Append], positions: list[Position]) -> None:
        if appends:
            self._from_thread(partial(_succeed, appends, positions))

    def _from_thread(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)


def _succeed(appends: list[_Append], positions: list[Position]) -> None:
    for append, position in zip(appends, positions, strict=True):
        if not append.done.done():
            append.done.set_result(position)


def _settle(done: asyncio.Future[None], failure: JournalUnavailable | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)


def _fail(appends: list[_Append], failure: JournalUnavailable) -> None:
    for append in appends:
        if not append.done.done():
            append.done.set_exception(failure)
