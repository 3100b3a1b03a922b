"""What could not be used, with its reason, for the device page: messages, readings, times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store.database import Database
from store.scope import Scope, gateways_in_scope

LONGEST_PAYLOAD: Final = 4096
"""Bytes of a payload that are kept."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One thing that could not be used.

    Attributes:
        at: Server time, int64 µs UTC.
        gateway: Id as it named itself; it need not be registered.
        topic: MQTT topic, or the HTTP path.
        path: Where in the payload, `""` for all of it.
        reason: What was wrong.
        payload: The message, truncated when kept.
    """

    at: int
    gateway: str
    topic: str
    path: str
    reason: str
    payload: bytes


async def add_quarantined(database: Database, rows: Sequence[Quarantined]) -> None:
    """Keep rows; one call for many."""
    async with database.connection() as connection:
        await connection.executemany(
            "INSERT INTO quarantine (at, gateway, topic, path, reason, payload) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            [
                (
                    row.at,
                    _text(row.gateway, 64),
                    _text(row.topic, 256),
                    _text(row.path, 256),
                    _text(row.reason, 500),
                    row.payload[:LONGEST_PAYLOAD],
                )
                for row in rows
            ],
        )


_GIVEN: Final = """
SELECT coalesce(
    (SELECT max(at) FROM audit WHERE kind = 'gateway' AND object = $1 AND verb = 'add'),
    (SELECT max(removed_at) FROM gateways WHERE id = $1), '-infinity')
"""


async def list_quarantined(
    database: Database, scope: Scope, gateway: str, *, limit: int = 50
) -> list[Quarantined]:
    """The newest of one gateway first; nothing when it is out of scope.

    An id may have been another gateway's before: only what came since it was given last counts.
    What came under an id that is not registered is shown to those who see everything.
    """
    in_scope = gateways_in_scope("g.number", 3)
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT q.at, q.gateway, q.topic, q.path, q.reason, q.payload FROM quarantine q "
            "LEFT JOIN gateways g ON g.id = q.gateway AND g.removed_at IS NULL "
            f"WHERE q.gateway = $1 AND {in_scope} AND q.at >= ({_GIVEN}) "
            "ORDER BY q.id DESC LIMIT $2",
            gateway,
            limit,
            *scope.parameters(),
        )
    return [Quarantined(**row) for row in rows]


def _text(text: str, longest: int) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:longest]
