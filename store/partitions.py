"""Time partitions of the plain storage: which there are, and one made for any accepted time.

A partition's name tells its bounds: `readings_d20261122` is a day, `_m202611` a month, `_y2026` a
year (UTC). Recent times get the table's usual width, older ones wider partitions, so that a
gateway that sends times from all over a century makes a hundred tables and not forty thousand.
Where a wide one would overlap what exists already, a narrower one is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.readings import MICROSECONDS
from store.connection import Connection

DAY_US: Final = 86_400 * MICROSECONDS
_LOCK: Final = 0x7665_6465_7474_66
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WIDTHS: Final = "ymd"
_DATE_FORMS: Final = {"y": "%Y", "m": "%Y%m", "d": "%Y%m%d"}
_USUAL: Final = {"readings": "d", "readings_1m": "m", "readings_1h": "y"}
"""Width of a table's recent partitions."""
_NARROW_FOR: Final = {"d": 100 * DAY_US, "m": 800 * DAY_US}
"""How far back a width is used before the next wider one takes over."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: rows with start <= time < end, int64 µs UTC."""

    name: str
    start: int
    end: int


def partition(table: str, width: str, time: int) -> Partition:
    """The partition of a width ("y", "m" or "d") that a time would lie in."""
    day = (_EPOCH + timedelta(microseconds=time)).date()
    if width == "d":
        start, end = day, day + timedelta(days=1)
    elif width == "m":
        start = day.replace(day=1)
        end = (start + timedelta(days=31)).replace(day=1)
    else:
        start, end = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    name = f"{table}_{width}{start.strftime(_DATE_FORMS[width])}"
    return Partition(name, _microseconds(start), _microseconds(end))


def partition_named(table: str, name: str) -> Partition | None:
    """The partition that a name stands for, or None for a name that is not ours."""
    rest = name.removeprefix(f"{table}_")
    if rest == name or rest[:1] not in _DATE_FORMS or not rest[1:].isdigit():
        return None
    start = datetime.strptime(rest[1:], _DATE_FORMS[rest[0]]).replace(tzinfo=UTC)
    return partition(table, rest[0], _microseconds(start.date()))


def _microseconds(day: date) -> int:
    return (day - _EPOCH.date()).days * DAY_US


class Partitions:
    """Knows the partitions of one database; filled and extended when asked."""

    def __init__(self) -> None:
        self._known: dict[str, list[Partition]] = {}

    def forget(self) -> None:
        """Look again: another process may have dropped some."""
        self._known.clear()

    def holding(self, table: str, earliest: int, latest: int) -> Partition | None:
        """The one known partition that holds both times, if there is one."""
        for known in reversed(self._known.get(table, ())):
            if known.start <= earliest and latest < known.end:
                return known
        return None

    async def ensure(
        self, connection: Connection, table: str, times: NDArray[np.int64], *, now: int
    ) -> None:
        """Make what is missing so that rows of all these times find a partition.

        Args:
            connection: Not inside a transaction: what is made stays made.
            table: `readings`, `readings_1m` or `readings_1h`.
            times: int64 µs UTC, any number, any order.
            now: About the present; decides how wide a new partition is.
        """
        if len(times) == 0 or self.holding(table, int(times.min()), int(times.max())):
            return
        if table not in self._known:
            await self._load(connection, table)
        for time in self._homeless(table, times):
            await self._make(connection, table, time, now=now)

    def _homeless(self, table: str, times: NDArray[np.int64]) -> Iterator[int]:
        for day in np.unique(times // DAY_US).tolist():
            if self.holding(table, day * DAY_US, day * DAY_US) is None:
                yield day * DAY_US

    async def _load(self, connection: Connection, table: str) -> None:
        rows = await connection.fetch(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = $1::regclass",
            table,
        )
        found = [partition_named(table, row["relname"]) for row in rows]
        self._known[table] = sorted((p for p in found if p), key=lambda known: known.start)

    async def _make(self, connection: Connection, table: str, time: int, *, now: int) -> None:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await self._load(connection, table)  # another process may just have made it
            if self.holding(table, time, time) is None:
                made = self._choose(table, time, now=now)
                # Attaching locks less than CREATE ... PARTITION OF: readers and writers go on.
                await connection.execute(
                    f"CREATE TABLE {made.name} (LIKE {table} INCLUDING ALL);"
                    f"ALTER TABLE {table} ATTACH PARTITION {made.name} "
                    f"FOR VALUES FROM ('{_text(made.start)}') TO ('{_text(made.end)}')"
                )
        await self._load(connection, table)

    def _choose(self, table: str, time: int, *, now: int) -> Partition:
        width = _USUAL[table]
        while width != "y" and now - time > _NARROW_FOR[width]:
            width = _WIDTHS[_WIDTHS.index(width) - 1]
        chosen = partition(table, width, time)
        while any(p.start < chosen.end and chosen.start < p.end for p in self._known[table]):
            width = _WIDTHS[_WIDTHS.index(width) + 1]
            chosen = partition(table, width, time)
        return chosen

    async def ending_before(self, connection: Connection, table: str, time: int) -> list[Partition]:
        """Partitions all of whose rows are older than `time`, oldest first."""
        await self._load(connection, table)
        return [known for known in self._known[table] if known.end <= time]


def _text(time: int) -> str:
    return (_EPOCH + timedelta(microseconds=time)).isoformat()
