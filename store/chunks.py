"""Chunks of TimescaleDB for times far back: wide ones, made before rows of such times are written.

A hypertable cuts all of time into chunks of a day. That is right for what arrives now; a gateway
whose clock runs wild over a century would make tens of thousands of tables, and one commit of its
readings more locks than the server has room for. So times of long ago get chunks of a month or a
year first, as `store.partitions` does; a chunk that lies there is what the server then uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from store.connection import Connection
from store.partitions import DAY_US

_LOCK: Final = 0x7665_6465_7474_67
_USUAL: Final = "1 day"
_FAR: Final = ((800 * DAY_US, "365 days"), (100 * DAY_US, "30 days"))
"""(how far back, width of a new chunk there), the farthest first."""
NOBODY: Final = -1
"""Sensor of the row that makes the server make a chunk; deleted by the same transaction."""

_RANGES: Final = """
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_name = 'readings' ORDER BY range_start
"""


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Times that lie in some chunk: starts and ends int64 µs UTC, ascending, never overlapping."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def missing(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        if not len(self.starts):
            return times
        place = np.searchsorted(self.starts, times, side="right") - 1
        return times[(place < 0) | (times >= self.ends[place])]


class Chunks:
    """Knows where the raw readings of one database have chunks; asks when old times come."""

    def __init__(self) -> None:
        self._known: _Ranges | None = None

    async def ensure(self, connection: Connection, times: NDArray[np.int64], *, now: int) -> None:
        """Make wide chunks for the old ones among these times where there is none.

        Args:
            connection: Not inside a transaction: what is made stays made.
            times: int64 µs UTC, any number, any order.
            now: About the present; decides what is old and how wide a new chunk is.
        """
        old = times[times < now - _FAR[-1][0]]
        if not len(old):
            return
        if self._known is None:
            self._known = await _load(connection)
        while len(homeless := self._known.missing(old)):
            await self._make(connection, int(homeless[0]), now=now)
            self._known = await _load(connection)

    async def _make(self, connection: Connection, time: int, *, now: int) -> None:
        width = next(width for back, width in _FAR if now - time > back)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if not len((await _load(connection)).missing(np.array([time], np.int64))):
                return  # another process has just made it
            # Others go on making chunks of a day: they do not see the width before it is set back.
            await connection.execute(_SET_WIDTH, width)
            await connection.execute(
                "INSERT INTO readings (ts, sensor, quality, reason, value, received, position) "
                "VALUES ($1, $2, 0, 0, 'NaN', $1, 0)",
                time,
                NOBODY,
            )
            await connection.execute(
                "DELETE FROM readings WHERE ts = $1 AND sensor = $2", time, NOBODY
            )
            await connection.execute(_SET_WIDTH, _USUAL)


_SET_WIDTH: Final = "SELECT set_chunk_time_interval('readings', $1::text::interval)"


async def _load(connection: Connection) -> _Ranges:
    rows = await connection.fetch(_RANGES)
    return _Ranges(
        np.array([row["range_start"] for row in rows], np.int64),
        np.array([row["range_end"] for row in rows], np.int64),
    )
