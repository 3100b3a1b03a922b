"""The readings of one batch: columns for all of them, the machines for the few outside a window."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.arrival import AT_WORK, JUDGED, standing, worth
from alerting.conditions import FOREVER
from alerting.judgement import Cause, Judgement
from alerting.order import Known, Lapse, latest_times, order
from alerting.outcome import Verdict
from alerting.readings import judge_reading, rest
from domain.readings import ReadingBatch


class _Live(NamedTuple):
    """Live readings of known sensors, as columns of one length."""

    place: NDArray[np.intp]
    """In the batch, ascending."""
    row: NDArray[np.intp]
    """Of the sensor."""
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    """To judge."""
    quality: NDArray[np.uint8]


class BatchReadings:
    """The readings of a batch: `take` them all, then `judge` those that need a look, in order."""

    def __init__(
        self, work: Judgement, batch: ReadingBatch, verdict: Verdict, offset: NDArray[np.int64]
    ) -> None:
        """`offset`: int64 (m,), in force for each message."""
        self._work = work
        self._batch = batch
        self._verdict = verdict
        self._latest = latest_times(batch.messages, offset)
        self.future: NDArray[np.intp] = np.empty(0, np.intp)
        """Places of the readings from the future."""
        self._lookup: dict[int, tuple[int, float, int]] = {}
        self._lapses: dict[int, Lapse] = {}

    def take(self) -> list[int]:
        """Decide what each reading counts for and keep the newest; returns what needs a look.

        Places in the batch, ascending.
        """
        batch, verdict = self._batch, self._verdict
        future, history, why = standing(batch, verdict.age)
        np.bitwise_or(verdict.reason, why, out=verdict.reason)
        self.future = np.flatnonzero(future)
        row = self._work.program.sensors.rows(batch.sensor)
        kept, candidate = ~future, ~(future | history)
        chosen = np.flatnonzero(row >= 0)
        if len(chosen) == len(row):
            return self._take_known(slice(None), row, kept, candidate)
        return self._take_known(chosen, row[chosen], kept[chosen], candidate[chosen])

    def _take_known(
        self,
        chosen: slice | NDArray[np.intp],
        row: NDArray[np.intp],
        kept: NDArray[np.bool_],
        candidate: NDArray[np.bool_],
    ) -> list[int]:
        batch, verdict, draft = self._batch, self._verdict, self._work.draft
        time, raw, message = batch.time[chosen], batch.value[chosen], batch.message[chosen]
        value, quality, reason = worth(
            self._work.program, row, raw, verdict.quality[chosen], verdict.reason[chosen]
        )
        readings = Known(row, time, raw, message, candidate, kept)
        live, fresh, why, lapses = order(draft.newest, readings, self._latest)
        verdict.quality[chosen] = quality
        verdict.reason[chosen] = reason | why
        verdict.kept[chosen] = kept
        verdict.live[chosen] = live
        verdict.fresh[chosen] = fresh
        newest = draft.own_newest()
        newest.kept[row[fresh]] = time[fresh]
        received = batch.messages.received[message]
        place = np.arange(len(row)) if isinstance(chosen, slice) else chosen
        self._lapses = {int(place[lapse.row]): lapse for lapse in lapses}
        if not live.all():
            place, row, time = place[live], row[live], time[live]
            value, raw, quality = value[live], raw[live], quality[live]
            received = received[live]
        # Where a sensor comes more than once the last assignment stands, and it is the newest.
        newest.time[row] = time
        newest.value[row] = raw
        newest.quality[row] = quality
        newest.received[row] = received
        newest.heard[row] = draft.listened
        judged = JUDGED[quality]
        if judged.all():
            newest.held[row] = value
        else:
            newest.held[row[judged]] = value[judged]
        return self._outside(_Live(place, row, time, value, quality), judged)

    def _outside(self, live: _Live, judged: NDArray[np.bool_]) -> list[int]:
        """Readings outside their sensor's window, and all of the same sensor after them."""
        conditions = self._work.draft.conditions
        until = conditions.until[live.row]
        outside = live.value < conditions.low[live.row]
        outside |= live.value > conditions.high[live.row]
        outside &= judged
        outside |= live.time >= until
        if not judged.all():
            outside |= AT_WORK[live.quality] & (until != FOREVER)
        if self._lapses:
            outside[np.searchsorted(live.place, list(self._lapses))] = True
        found = np.flatnonzero(outside)
        if not len(found):
            return []
        begin = np.empty(len(conditions.until), np.intp)
        begin[live.row] = len(live.row)
        begin[live.row[found[::-1]]] = found[::-1]
        look = np.flatnonzero(np.arange(len(live.row)) >= begin[live.row])
        places: list[int] = live.place[look].tolist()
        self._lookup = dict(
            zip(
                places,
                zip(
                    live.row[look].tolist(),
                    live.value[look].tolist(),
                    live.quality[look].tolist(),
                    strict=True,
                ),
                strict=True,
            )
        )
        return places

    def judge(self, place: int) -> None:
        """Judge one live reading that needs a look."""
        batch, verdict = self._batch, self._verdict
        row, value, quality = self._lookup[place]
        received = int(batch.messages.received[batch.message[place]])
        reason = int(verdict.reason[place])
        if place in self._lapses:
            self._move_delays(row, self._lapses[place])
        number = value if isfinite(value) else None
        cause = Cause(int(batch.time[place]), received, number, reason)
        judge_reading(self._work, row, value, quality, cause)

    def _move_delays(self, row: int, lapse: Lapse) -> None:
        """Delays that began in a void time have begun as long ago in the true one."""
        conditions = self._work.draft.own_conditions()
        since = conditions.since[:, row]
        since[since > lapse.latest] -= lapse.by
        rest(self._work.program, conditions, row)
