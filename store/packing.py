"""Readings as PostgreSQL's binary COPY stream, packed by numpy: no Python object per row."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.outcome import Verdict
from domain.readings import ReadingBatch
from store.connection import POSTGRES_EPOCH_US

COLUMNS: Final = ("ts", "sensor", "quality", "reason", "value", "received", "position")
"""In the order of the table; the stream has no names."""

_WIRE: Final = {
    "ts": ">i8",
    "sensor": ">i4",
    "quality": ">i2",
    "reason": ">i2",
    "value": ">f8",
    "received": ">i8",
    "position": ">i8",
}
_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_TRAILER: Final = struct.pack(">h", -1)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows of the table `readings`, in arrival order; times int64 µs UTC."""

    ts: NDArray[np.int64]
    sensor: NDArray[np.int32]
    quality: NDArray[np.uint8]
    reason: NDArray[np.uint16]
    value: NDArray[np.float64]
    received: NDArray[np.int64]
    position: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    """Not a column: `Verdict.fresh`."""

    def __len__(self) -> int:
        return len(self.ts)

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        if mask.all():
            return self
        return Rows(*(getattr(self, name)[mask] for name in (*COLUMNS, "fresh")))

    def by_key(self) -> Rows:
        """The rows in the order of the table's key (time, sensor).

        A row at the end of an index costs PostgreSQL a fifth less than one a little before it
        (docs/decisions/0002).
        """
        order = np.lexsort((self.sensor, self.ts))
        return Rows(*(getattr(self, name)[order] for name in (*COLUMNS, "fresh")))

    async def stream(self, *, ordered: bool = False) -> AsyncIterator[bytes]:
        """`packed`, in the shape asyncpg takes."""
        yield self.packed(ordered=ordered)

    def packed(self, *, ordered: bool = False) -> bytes:
        """The rows as one COPY stream; `ordered` puts the row's number (int4) in front."""
        names = ("ord", *COLUMNS) if ordered else COLUMNS
        wire = {"ord": ">i4"} | _WIRE
        fields = [("fields", ">i2")]
        for name in names:
            fields += [(f"{name}_bytes", ">i4"), (name, wire[name])]
        dtype = np.dtype(fields)
        one = np.zeros(1, dtype)
        one["fields"] = len(names)
        for name in names:
            one[f"{name}_bytes"] = np.dtype(wire[name]).itemsize
        # Multiplying bytes fills the constant fields at memory speed.
        stream = bytearray(one.tobytes() * len(self))
        table = np.frombuffer(stream, dtype)
        table["ts"] = self.ts - POSTGRES_EPOCH_US
        table["received"] = self.received - POSTGRES_EPOCH_US
        for name in ("sensor", "quality", "reason", "value", "position"):
            table[name] = getattr(self, name)
        if ordered:
            table["ord"] = np.arange(1, len(self) + 1)
        return b"".join((_HEADER, stream, _TRAILER))


def kept_rows(batches: Iterable[tuple[int, ReadingBatch, Verdict]]) -> Rows:
    """The rows that are to be stored of journalled batches, each with its position."""
    parts = [
        (
            batch.time[verdict.kept],
            batch.sensor[verdict.kept],
            verdict.quality[verdict.kept],
            verdict.reason[verdict.kept],
            batch.value[verdict.kept],
            batch.received[verdict.kept],
            np.full(int(verdict.kept.sum()), position, np.int64),
            verdict.fresh[verdict.kept],
        )
        for position, batch, verdict in batches
    ]
    if not parts:
        return _EMPTY
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


_EMPTY: Final = Rows(
    ts=np.empty(0, np.int64),
    sensor=np.empty(0, np.int32),
    quality=np.empty(0, np.uint8),
    reason=np.empty(0, np.uint16),
    value=np.empty(0, np.float64),
    received=np.empty(0, np.int64),
    position=np.empty(0, np.int64),
    fresh=np.empty(0, np.bool_),
)
