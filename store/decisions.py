"""Writing what the fold decided: transitions, alarm rows, and notices to be sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from alerting.alarms import Alarm, Transition
from store.connection import Connection

RINGING: Final = frozenset({"raise", "escalate", "reactivate", "realarm", "shelf_broken"})
"""Events that somebody is to be told of."""

_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}")

_encode = msgspec.msgpack.Encoder().encode


class ReplayDiffers(Exception):
    """A fold of the same journal came to another transition than the one that is stored.

    The program is at fault, or the journal was changed: nothing may be written over it.
    """


def alarm_key(id_: str) -> tuple[int, int]:
    """(position, ordinal) of an alarm's or transition's id, `"{position}.{ordinal}"`.

    Raises:
        ValueError: the text is no such id.
    """
    position, dot, ordinal = id_.partition(".")
    if dot and _NUMBER.fullmatch(position) and _NUMBER.fullmatch(ordinal):
        key = int(position), int(ordinal)
        if key[0] < 1 << 63 and key[1] < 1 << 31:
            return key
    raise ValueError(f"{id_!r} is no id of an alarm or transition")


async def check_transitions(
    connection: Connection, transitions: Sequence[tuple[int, int, Transition]], *, stored: int
) -> None:
    """Assert that transitions stored before are the very same, byte for byte.

    Raises:
        ReplayDiffers: one is missing, or reads differently.
    """
    before = {(p, o): _encode(t) for p, o, t in transitions if p <= stored}
    if not before:
        return
    rows = await connection.fetch(
        "SELECT position, ordinal, body FROM transitions WHERE position = ANY($1::bigint[])",
        sorted({position for position, _ in before}),
    )
    found = {(row["position"], row["ordinal"]): row["body"] for row in rows}
    for key, body in before.items():
        if found.get(key) != body:
            what = "is not stored" if key not in found else "was stored with another content"
            raise ReplayDiffers(f"transition {key[0]}.{key[1]} {what}")


async def write_transitions(
    connection: Connection, transitions: Sequence[tuple[int, int, Transition]]
) -> None:
    if not transitions:
        return
    await connection.executemany(
        "INSERT INTO transitions "
        "(position, ordinal, gateway, sensor, alarm, event, decided, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (position, ordinal, t.gateway, t.sensor, t.alarm, t.event, t.decided, _encode(t))
            for position, ordinal, t in transitions
        ],
    )


async def write_alarms(connection: Connection, alarms: Sequence[Alarm]) -> None:
    """Write alarms as they stand now; a row that is newer already stays.

    Closed ones go first: only then may the next episode of the same target open.
    """
    if not alarms:
        return
    await connection.executemany(
        "INSERT INTO alarms (born_position, born_ordinal, gateway, sensor, family, kind, level, "
        "priority, state, raised_at, position, ordinal, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
        "ON CONFLICT (born_position, born_ordinal) DO UPDATE SET level = EXCLUDED.level, "
        "priority = EXCLUDED.priority, state = EXCLUDED.state, raised_at = EXCLUDED.raised_at, "
        "position = EXCLUDED.position, ordinal = EXCLUDED.ordinal, body = EXCLUDED.body "
        "WHERE (alarms.position, alarms.ordinal) <= (EXCLUDED.position, EXCLUDED.ordinal)",
        [
            (
                *alarm_key(alarm.id),
                alarm.gateway,
                alarm.sensor,
                alarm.family,
                alarm.kind,
                alarm.level,
                alarm.priority,
                alarm.state,
                alarm.raised_at,
                alarm.position,
                alarm.ordinal,
                _encode(alarm),
            )
            for alarm in sorted(alarms, key=lambda alarm: alarm.state != "normal")
        ],
    )


async def write_outbox(
    connection: Connection,
    transitions: Sequence[tuple[int, int, Transition]],
    alarms: Sequence[Alarm],
) -> None:
    """One notice for each transition that rings; a late (historical) alarm rings no bell."""
    priorities = {alarm.id: alarm.priority for alarm in alarms}
    notices = [
        (position, ordinal, t.alarm, t.event, priorities[t.alarm], t.decided)
        for position, ordinal, t in transitions
        if t.alarm in priorities and t.what == "alarm" and t.event in RINGING
    ]
    if notices:
        await connection.executemany(
            "INSERT INTO outbox (position, ordinal, alarm, event, priority, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            notices,
        )
