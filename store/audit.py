"""Who changed what among the things people edit: one row a change, in its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.connection import Connection
from store.database import Database


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and when (int64 µs UTC)."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    id: int
    at: int
    actor: str
    verb: str
    kind: str
    object: str
    detail: Any


async def write_audit(
    connection: Connection, actor: Actor, verb: str, kind: str, id_: object, detail: object = None
) -> None:
    """Note one change. `detail` is anything msgspec can make JSON of; never a secret."""
    await connection.execute(
        "INSERT INTO audit (at, actor, verb, kind, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        actor.at,
        actor.name,
        verb,
        kind,
        str(id_),
        {} if detail is None else detail,
    )


async def list_audit(
    database: Database, *, kind: str | None = None, object_: str | None = None, limit: int = 100
) -> list[AuditRow]:
    """The newest changes first."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, at, actor, verb, kind, object, detail FROM audit "
            "WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR object = $2) "
            "ORDER BY id DESC LIMIT $3",
            kind,
            object_,
            limit,
        )
    return [AuditRow(**row) for row in rows]
