"""What the database and the journal hold, read back to be compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import asyncpg
import msgspec

from alerting import Alarm, Fold
from store.database import Database
from store.journal import open_journal

Episode = tuple[int | None, str, str | None, int, int | None, int]
"""Sensor, family, highest level, raised and cleared (event time), activations."""


async def committed_position(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT position FROM spine"))
    finally:
        await connection.close()


async def stored_readings(url: str) -> tuple[set[tuple[str, str, int]], int]:
    """(gateway, tag, event time in ms) of every row, and the number of rows."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT g.id, b.tag, (extract(epoch FROM r.ts) * 1000)::bigint AS ms FROM readings r "
            "JOIN sensor_bindings b ON b.sensor = r.sensor JOIN gateways g ON g.number = b.gateway"
        )
        return {(row[0], row[1], row[2]) for row in rows}, len(rows)
    finally:
        await connection.close()


async def stored_transitions(url: str) -> list[tuple[int, int, bytes]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT position, ordinal, body FROM transitions ORDER BY position, ordinal"
        )
        return [(row["position"], row["ordinal"], row["body"]) for row in rows]
    finally:
        await connection.close()


async def folded_transitions(journal_path: Path, *, through: int) -> list[tuple[int, int, bytes]]:
    """One uninterrupted fold of the whole journal, from its first entry."""
    journal = await open_journal(f"sqlite:///{journal_path}", now_s=0)
    fold = Fold.empty()
    folded: list[tuple[int, int, bytes]] = []
    try:
        after = 0
        while entries := await journal.read(after, max_bytes=1 << 24):
            for position, entry in entries:
                if position > through:
                    return folded
                outcome = fold.apply(position, entry)
                folded += [
                    (position, ordinal, msgspec.msgpack.encode(transition))
                    for ordinal, transition in enumerate(outcome.transitions)
                ]
            after = entries[-1][0]
    finally:
        await journal.close()
    return folded


async def episodes(url: str) -> list[Episode]:
    """Every alarm of a sensor, by what it says of the plant."""
    database = await Database.connect(url)
    try:
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT body FROM alarms")
    finally:
        await database.close()
    alarms: Iterable[Alarm] = (msgspec.msgpack.decode(row["body"], type=Alarm) for row in rows)
    return sorted(
        (
            (a.sensor, a.family, a.highest_level, a.raised_at, a.cleared_at, a.count)
            for a in alarms
            if a.sensor is not None
        ),
        key=repr,
    )
