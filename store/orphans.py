"""Alarms that only a lost stretch of the journal knew, closed before the next stretch is stored.

A fold that begins again before the loss never learns of alarms that were raised within it: nobody
could acknowledge or end them any more, and, being open, they would stand in the way of the next
alarm of the same target for ever.
"""

from __future__ import annotations

from typing import Final

import msgspec

from alerting.alarms import Alarm, Transition
from store.connection import Connection
from store.decisions import write_alarms, write_transitions

_FORGOTTEN: Final = """
SELECT body, (SELECT coalesce(max(ordinal) + 1, 0) FROM transitions WHERE position = $1) AS free
FROM alarms
WHERE state <> 'normal' AND born_position < $2
  AND born_position > (SELECT coalesce(max(position), 0) FROM checkpoints WHERE position < $2)
ORDER BY born_position, born_ordinal
"""


async def close_orphans(connection: Connection, *, before: int, now: int) -> int:
    """Close what was raised behind the newest checkpoint and before the journal's oldest entry.

    Each gets a transition at the unused position right before that entry, so that histories and
    screens that resume hear of it. Doing it again changes nothing.

    Args:
        connection: In the transaction that notes the loss.
        before: Position of the oldest entry there is.
        now: int64 µs UTC.

    Returns:
        How many.
    """
    rows = await connection.fetch(_FORGOTTEN, before - 1, before)
    transitions: list[tuple[int, int, Transition]] = []
    alarms: list[Alarm] = []
    for ordinal, row in enumerate(rows, rows[0]["free"] if rows else 0):
        alarm = msgspec.msgpack.decode(row["body"], type=Alarm)
        transition = Transition(
            what="alarm",
            event="lost",
            from_state=alarm.state,
            to_state="normal",
            sensor=alarm.sensor,
            gateway=alarm.gateway,
            family=alarm.family,
            time=now,
            decided=now,
            value=alarm.value,
            limit=alarm.limit,
            level=alarm.level,
            alarm=alarm.id,
        )
        transitions.append((before - 1, ordinal, transition))
        alarms.append(
            msgspec.structs.replace(
                alarm,
                state="normal",
                active=False,
                latched=False,
                shelved_until=None,
                position=before - 1,
                ordinal=ordinal,
            )
        )
    await write_transitions(connection, transitions)
    await write_alarms(connection, alarms)
    return len(alarms)
