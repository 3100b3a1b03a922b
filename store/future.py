"""Readings from the future: kept out of the history, and shown where their owner looks.

A time that lies ahead of every clock we trust says nothing about when the value was true, so the
reading goes into quarantine with its values, one row a message, in the transaction that would
have stored it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.outcome import Verdict
from domain.readings import ReadingBatch, Reason
from domain.wire.times import format_time
from store.connection import Connection
from store.quarantine import LONGEST_PAYLOAD

_REASON: Final = (
    "{count} reading(s) with a time more than 5 minutes in the future, the first {first}; "
    "set the gateway's clock"
)


async def quarantine_future(
    connection: Connection,
    batches: Sequence[tuple[int, ReadingBatch, Verdict]],
    *,
    stored: int,
) -> None:
    """Quarantine what the fold refused for its time, of batches behind `stored` nothing."""
    found = [
        (batch, np.flatnonzero((verdict.reason & Reason.FUTURE) != 0))
        for position, batch, verdict in batches
        if position > stored and not verdict.kept.all()
    ]
    found = [(batch, places) for batch, places in found if len(places)]
    if not found:
        return
    sensors = np.unique(np.concatenate([batch.sensor[places] for batch, places in found]))
    tags = dict(
        await connection.fetch(
            "SELECT sensor, tag FROM sensor_bindings WHERE sensor = ANY($1::integer[]) "
            "ORDER BY bound_at",
            sensors.tolist(),
        )
    )
    await connection.executemany(
        "INSERT INTO quarantine (at, gateway, topic, path, reason, payload) "
        "SELECT $1, id, $3, 'readings', $4, $5 FROM gateways WHERE number = $2",
        [row for batch, places in found for row in _rows(batch, places, tags)],
    )


def _rows(
    batch: ReadingBatch, places: NDArray[np.intp], tags: Mapping[int, str]
) -> list[tuple[int, int, str, str, bytes]]:
    """One row for each message that brought such readings."""
    rows = []
    carriers = batch.message[places]
    for carrier in np.unique(carriers).tolist():
        own = places[carriers == carrier]
        readings = [
            {"s": tags.get(sensor, str(sensor)), "ts": format_time(time), "v": value}
            for sensor, time, value in zip(
                batch.sensor[own].tolist(),
                batch.time[own].tolist(),
                batch.value[own].tolist(),
                strict=True,
            )
        ]
        messages = batch.messages
        rows.append(
            (
                int(messages.received[carrier]),
                int(messages.gateway[carrier]),
                "backfill" if messages.backfill[carrier] else "telemetry",
                _REASON.format(count=len(own), first=_said(int(batch.time[own[0]]))),
                msgspec.json.encode({"readings": readings})[:LONGEST_PAYLOAD],
            )
        )
    return rows


def _said(time: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
