"""Any rows in any cut leave what a plain dictionary would: the law of identity."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from domain.readings import Reason
from store.database import Database
from store.writer import commit
from tests.store.conftest import Play
from tests.store.stretches import SECOND, T0, Row, readings, stretch


class Model:
    """One at a time: the same value is ignored, another is a correction, a copy never replaces."""

    def __init__(self) -> None:
        self.current: dict[tuple[int, float], float] = {}
        self.corrections: list[Row] = []
        self.duplicates = 0

    def take(self, sensor: int, time: float, value: float, *, copy: bool) -> None:
        key = (sensor, time)
        before = self.current.get(key)
        same = before == value or (before is not None and math.isnan(before) and math.isnan(value))
        if before is not None and (copy or same):
            self.duplicates += 1
            return
        if before is not None:
            self.corrections.append((sensor, time, before))
        self.current[key] = value


def shown(rows: list[Row]) -> list[str]:
    """Sorted, with NaN equal to NaN."""
    return sorted(str(row) for row in rows)


@pytest.mark.parametrize("seed", range(8))
def test_rows_in_any_cut_leave_what_one_at_a_time_would(opened: Play, seed: int) -> None:
    chance = random.Random(seed)

    async def act(database: Database) -> None:
        model = Model()
        newest: dict[int, float] = {}
        duplicates = corrections = 0
        for position in range(12):
            rows: list[Row] = []
            fresh: list[bool] = []
            copies: list[bool] = []
            for _ in range(chance.randrange(1, 9)):
                sensor, time = chance.randrange(3), float(chance.randrange(6))
                rows.append((sensor, time, chance.choice([1.0, 2.0, math.nan])))
                fresh.append(time > newest.get(sensor, -1.0) and chance.random() < 0.9)
                newest[sensor] = max(time, newest.get(sensor, -1.0))
                copies.append(chance.random() < 0.3)
                model.take(*rows[-1], copy=copies[-1])
            batch, verdict = readings(*rows)
            verdict.reason[np.array(copies)] |= np.uint16(Reason.COPY)
            # A fold that forgot (a lost journal) calls stored rows fresh: it must not matter.
            verdict.fresh[:] = fresh if chance.random() < 0.7 else [True] * len(fresh)
            done = await commit(database, stretch(position, (batch, verdict)))
            duplicates += done.duplicates
            corrections += done.corrections
        async with database.connection() as connection:
            stored = await connection.fetch("SELECT sensor, ts, value FROM readings")
            aside = await connection.fetch("SELECT sensor, ts, value FROM reading_corrections")
        found = [(r["sensor"], (r["ts"] - T0) / SECOND, r["value"]) for r in stored]
        assert shown(found) == shown([(s, t, v) for (s, t), v in model.current.items()])
        moved = [(r["sensor"], (r["ts"] - T0) / SECOND, r["value"]) for r in aside]
        assert shown(moved) == shown(model.corrections)
        assert (duplicates, corrections) == (model.duplicates, len(model.corrections))

    opened(act)


def test_a_message_delivered_again_does_not_take_a_correction_back(opened: Play) -> None:
    async def act(database: Database) -> None:
        first, corrected = readings((1, 0.0, 1.0)), readings((1, 0.0, 2.0), fresh=False)
        again = readings((1, 0.0, 1.0), (1, 5.0, 7.0), fresh=False)
        again[1].reason[:] |= np.uint16(Reason.COPY)
        done = await commit(database, stretch(3, first, corrected, again))
        assert (done.duplicates, done.corrections) == (1, 1)
        async with database.connection() as connection:
            stored = await connection.fetch("SELECT value FROM readings ORDER BY ts")
        assert [row["value"] for row in stored] == [2.0, 7.0]

    opened(act)
