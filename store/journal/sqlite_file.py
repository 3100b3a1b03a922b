"""The journal's file: what lies in it, how it is opened, and the handful of statements on it.

Blocking, and for one thread at a time; `sqlite.py` gives it its threads. A lock file beside it
keeps a second process out, which WAL mode alone would let in.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from domain.entries import Entry, EntryKind
from domain.readings import Position
from store.journal.contract import (
    EPOCH_SHIFT,
    JournalFull,
    JournalNewer,
    JournalUnavailable,
    Space,
)

FORMAT: Final = 1
PAGE_BYTES: Final = 8192
TRIM_STEP: Final = 20
"""Rows deleted at a time. Larger steps were measured to stall appends for 80-190 ms."""

CLAIMS: Final = 100
CLAIMS_BYTES: Final = 1800
"""What the claims take at most. Below a quarter of a page, and written at once in full length, they
are changed in place: they need no page of a file that may be full."""

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    position INTEGER PRIMARY KEY AUTOINCREMENT,  -- plain row ids are used again after a delete
    kind INTEGER NOT NULL,
    payload BLOB NOT NULL
);
"""


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # Debian compiles secure_delete on: deletes then rewrite pages and fail on a full disk.
    connection.execute("PRAGMA secure_delete = OFF")
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells the file at a path from another one there; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _claims(connection: sqlite3.Connection) -> list[str]:
    row = connection.execute("SELECT value FROM meta WHERE key = 'claims'").fetchone()
    return [] if row is None else str(row[0]).split()


class SqliteFile:
    """An open journal file. Every method may raise `sqlite3.Error`; see `unavailable`."""

    def __init__(self, path: Path, *, now_s: int, after: int, max_bytes: int) -> None:
        """Open or create.

        Raises:
            JournalNewer: written by a newer version.
            JournalUnavailable: locked by another process.
        """
        self._path = path
        self._max_bytes = max_bytes
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            self._take_lock()
            self._connection = _connect(path)
            self.id = self._prepare(max(now_s << EPOCH_SHIFT, after + 1))
            self._cap()
        except BaseException:
            os.close(self._lock)
            raise
        row = self._connection.execute("SELECT min(position) FROM entries").fetchone()
        self.last: Position = Position(self._given())
        self.first: Position = Position(self.last + 1 if row[0] is None else row[0])

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"journal {self._path} is in use by another process; stop that one first"
            raise JournalUnavailable(message) from None

    def _prepare(self, start: int) -> str:
        execute = self._connection.execute
        if execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is None:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
            born = [("id", str(uuid.uuid4())), ("format", str(FORMAT))]
            self._connection.executemany("INSERT INTO meta VALUES (?, ?)", born)
            execute("INSERT INTO sqlite_sequence VALUES ('entries', ?)", (start - 1,))
            execute("COMMIT")
        meta: dict[str, str] = dict(execute("SELECT key, value FROM meta").fetchall())
        if int(meta["format"]) > FORMAT:
            message = (
                f"journal {self._path} has format {meta['format']}, this version knows up to "
                f"{FORMAT}; run the newer version"
            )
            raise JournalNewer(message)
        return meta["id"]

    def _cap(self) -> None:
        # Below its present size SQLite leaves a file uncapped at that size: just what we want.
        page = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
        self._connection.execute(f"PRAGMA max_page_count = {max(self._max_bytes // page, 1)}")

    def _given(self) -> int:
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'entries'"
        return int(self._connection.execute(query).fetchone()[0])

    def append(self, entries: Sequence[Entry], *, trim_through: int) -> Position:
        """One transaction: a step of trimming, then the entries. Returns the first position.

        Trimming comes first, so that the room it frees serves these very entries.
        """
        first = self.last + 1
        rows = [(first + i, entry.kind, entry.payload) for i, entry in enumerate(entries)]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._delete(trim_through, max(TRIM_STEP, 2 * len(rows)))
            self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.last = Position(first + len(rows) - 1)
        return Position(first)

    def add_claim(self, claim: str) -> None:
        """Note who stores from now on; in place, so that a full file takes it too."""
        claims = [*_claims(self._connection), claim][-CLAIMS:]
        while len(value := " ".join(claims)) > CLAIMS_BYTES:
            del claims[0]
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('claims', ?)", (value.ljust(CLAIMS_BYTES),)
        )

    def trim(self, through: int) -> bool:
        """One step of trimming; True while there may be more to do."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            deleted = self._delete(through, TRIM_STEP)
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        return deleted == TRIM_STEP

    def _delete(self, through: int, rows: int) -> int:
        query = (
            "DELETE FROM entries WHERE position IN "
            "(SELECT position FROM entries WHERE position <= ? ORDER BY position LIMIT ?)"
        )
        return self._connection.execute(query, (through, rows)).rowcount

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def reopen(self) -> None:
        """Start again from what is on disk: after an I/O error nothing in memory is certain."""
        self._connection.close()
        self._connection = _connect(self._path)
        self._cap()
        self.last = Position(max(self.last, self._given()))

    def close(self) -> None:
        self._connection.close()
        os.close(self._lock)


class SqliteReader:
    """Reads a journal file beside its writer, in short transactions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, timeout=5.0, check_same_thread=False
        )
        self._identity = _identity(path)

    def read(self, after: int, *, max_bytes: int) -> list[tuple[Position, Entry]]:
        query = "SELECT position, kind, payload FROM entries WHERE position > ? ORDER BY position"
        cursor = self._connection.execute(query, (after,))
        found: list[tuple[Position, Entry]] = []
        size = 0
        try:
            for position, kind, payload in cursor:
                found.append((Position(position), Entry(EntryKind(kind), payload)))
                size += len(payload)
                if size >= max_bytes:
                    break
        finally:
            cursor.close()  # ends the read transaction: an open one would let the WAL grow
        return found

    def claims(self) -> list[str]:
        return _claims(self._connection)

    def space(self, max_bytes: int) -> Space:
        """Counted in whole pages; free room is bounded by the cap and by the disk.

        SQLite goes on writing into a file that was moved or deleted. So do we: judging matters
        more than what a stop would lose then, and who hears of it can see to both.
        """
        page, unused, pages = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "freelist_count", "page_count")
        )
        growth = max_bytes - pages * page
        astray = _identity(self._path) != self._identity
        if not astray:
            disk = os.statvfs(self._path.parent)
            growth = min(growth, disk.f_bavail * disk.f_frsize)
        return Space(
            used=(pages - unused) * page, free=unused * page + max(growth, 0), astray=astray
        )

    def close(self) -> None:
        self._connection.close()


def unavailable(error: sqlite3.Error | OSError) -> JournalUnavailable:
    """What an error of SQLite means to the callers of a journal."""
    # An error of Python's own layer (a connection closed after a fault) carries no code.
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return JournalFull("the journal is full: free disk space or raise its cap")
    return JournalUnavailable(f"the journal failed: {error}")
