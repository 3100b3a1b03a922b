"""Builders of what the writer takes: readings, stretches of the journal, alarms."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import numpy as np

from alerting.alarms import Alarm, Transition
from alerting.outcome import Verdict
from domain.readings import NO_SEQUENCE, NO_TIME, MessageColumns, Quality, ReadingBatch
from store.database import Database
from store.writer import Commit

JOURNAL = "0c5a1f0e-journal"
T0 = 1_790_000_000_000_000
START = 1_790_000_000 << 20
SECOND = 1_000_000

Row = tuple[int, float, float]
"""(sensor, seconds after T0, value)"""


def readings(
    *rows: Row, fresh: bool = True, received: int = T0, kept: bool = True
) -> tuple[ReadingBatch, Verdict]:
    n = len(rows)
    messages = MessageColumns(
        gateway=np.ones(1, np.int32),
        received=np.full(1, received, np.int64),
        sent=np.full(1, NO_TIME, np.int64),
        sequence=np.full(1, NO_SEQUENCE, np.int64),
        boot=np.full(1, -1, np.int32),
        backfill=np.zeros(1, np.bool_),
    )
    batch = ReadingBatch(
        messages=messages,
        message=np.zeros(n, np.int32),
        sensor=np.array([row[0] for row in rows], np.int32),
        time=np.array([T0 + round(row[1] * SECOND) for row in rows], np.int64),
        value=np.array([row[2] for row in rows], np.float64),
        quality=np.zeros(n, np.uint8),
        reason=np.zeros(n, np.uint16),
    )
    verdict = Verdict(
        quality=np.full(n, Quality.UNCERTAIN, np.uint8),
        reason=np.full(n, 16, np.uint16),
        kept=np.full(n, kept, np.bool_),
        live=np.ones(n, np.bool_),
        fresh=np.full(n, fresh, np.bool_),
        age=np.zeros(n, np.int64),
    )
    return batch, verdict


def stretch(position: int, *parts: tuple[ReadingBatch, Verdict], **others: object) -> Commit:
    """A commit whose i-th batch stands at START + position - len(parts) + 1 + i."""
    first = START + position - len(parts) + 1
    batches = [(first + i, batch, verdict) for i, (batch, verdict) in enumerate(parts)]
    return replace(
        Commit(journal_id=JOURNAL, after=0, position=START + position, batches=batches),
        **others,  # type: ignore[arg-type]
    )


def transition(alarm: str | None = None, **others: object) -> Transition:
    values: dict[str, object] = {
        "what": "alarm" if alarm else "condition",
        "event": "raise" if alarm else "HH",
        "from_state": "normal",
        "to_state": "unacknowledged" if alarm else "active",
        "sensor": 7,
        "gateway": 1,
        "family": "high",
        "time": T0,
        "decided": T0,
        "alarm": alarm,
    }
    return Transition(**values | others)  # type: ignore[arg-type]


def alarm(id_: str, position: int, **others: object) -> Alarm:
    values: dict[str, object] = {
        "id": id_,
        "sensor": 7,
        "gateway": 1,
        "family": "high",
        "kind": "limit",
        "level": "HH",
        "highest_level": "HH",
        "priority": 2,
        "state": "unacknowledged",
        "active": True,
        "acknowledged": False,
        "latched": False,
        "raised_at": T0,
        "cleared_at": None,
        "value": 61.0,
        "limit": 50.0,
        "on_delay_us": 0,
        "source": "GB/T 50493-2019 5.5.2",
        "count": 1,
        "position": START + position,
    }
    return Alarm(**values | others)  # type: ignore[arg-type]


async def holes(database: Database) -> list[asyncpg.Record]:
    """What is noted as missing, the newest first."""
    async with database.connection() as connection:
        rows: list[asyncpg.Record] = await connection.fetch(
            "SELECT * FROM journal_holes ORDER BY id DESC"
        )
    return rows
