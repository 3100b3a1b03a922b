"""What the journal holds, in one order: everything the fold depends on."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import msgspec


class EntryKind(IntEnum):
    BATCH = 1
    """`ReadingBatch.to_bytes()`."""
    TICK = 2
    """`Tick`: one whole second of server time has passed."""
    PROGRAM = 3
    """`alerting.ProgramChange`: limits, sensors, gateways edited by people."""
    ACT = 4
    """`alerting.Act`: what an operator did."""


class Entry(NamedTuple):
    kind: EntryKind
    payload: bytes


class Tick(msgspec.Struct, frozen=True):
    """A whole second of server time.

    `listening` says ingest was connected and had caught up with the broker's backlog since the
    previous tick: only such seconds count as silence of a sensor or gateway.
    """

    now: int
    """int64 µs UTC, a multiple of one second."""
    listening: bool

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Tick:
        return msgspec.msgpack.decode(payload, type=cls)
