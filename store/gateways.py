"""Changes to gateways, and their credentials (kept as hashes made elsewhere)."""

from __future__ import annotations

import math

from domain.assets import Gateway
from store.assets import check_id, check_text
from store.audit import Actor, write_audit
from store.connection import Connection
from store.database import Database
from store.refusals import Invalid, NotFound, refusing


async def add_gateway(database: Database, gateway: Gateway, *, actor: Actor) -> Gateway:
    """Register a gateway; its `number` is given by the database, whatever it was.

    Raises:
        Invalid: a value that cannot be.
        NotFound: there is no such site.
        Conflict: the id is taken.
    """
    async with database.transaction() as connection:
        return await insert_gateway(connection, gateway, actor=actor)


async def insert_gateway(connection: Connection, gateway: Gateway, *, actor: Actor) -> Gateway:
    """`add_gateway` within the caller's transaction."""
    _check(gateway)
    await _check_site(connection, gateway.site)
    with refusing(f"gateway {gateway.id!r} exists already"):
        number = await connection.fetchval(
            "INSERT INTO gateways (id, site, name, codec, silence_s) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING number",
            gateway.id,
            gateway.site,
            gateway.name,
            gateway.codec,
            gateway.silence_s,
        )
    await write_audit(connection, actor, "add", "gateway", gateway.id, gateway)
    return Gateway(
        id=gateway.id,
        number=number,
        site=gateway.site,
        name=gateway.name,
        codec=gateway.codec,
        silence_s=gateway.silence_s,
    )


async def update_gateway(database: Database, gateway: Gateway, *, actor: Actor) -> None:
    """Replace everything of a gateway but its id and number.

    Raises:
        NotFound: there is no such gateway or site.
        Invalid: a value that cannot be.
    """
    _check(gateway)
    async with database.transaction() as connection:
        await _check_site(connection, gateway.site)
        updated = await connection.fetchval(
            "UPDATE gateways SET site = $2, name = $3, codec = $4, silence_s = $5 "
            "WHERE id = $1 AND removed_at IS NULL RETURNING number",
            gateway.id,
            gateway.site,
            gateway.name,
            gateway.codec,
            gateway.silence_s,
        )
        if updated is None:
            raise NotFound("gateway", gateway.id)
        await write_audit(connection, actor, "update", "gateway", gateway.id, gateway)


async def remove_gateway(database: Database, id_: str, *, actor: Actor) -> None:
    """Remove a gateway, the sensors behind it and its tokens; what they measured stays.

    Raises:
        NotFound: there is no such gateway.
    """
    async with database.transaction() as connection:
        number = await connection.fetchval(
            "UPDATE gateways SET removed_at = $2, credential = NULL "
            "WHERE id = $1 AND removed_at IS NULL RETURNING number",
            id_,
            actor.at,
        )
        if number is None:
            raise NotFound("gateway", id_)
        sensors = await connection.fetch(
            "UPDATE sensor_bindings SET unbound_at = greatest($2, bound_at) "
            "WHERE gateway = $1 AND unbound_at IS NULL RETURNING sensor",
            number,
            actor.at,
        )
        ids = [row["sensor"] for row in sensors]
        await connection.execute(
            "UPDATE sensors SET removed_at = $2 WHERE id = ANY($1::integer[])", ids, actor.at
        )
        await connection.execute(
            "UPDATE tokens SET revoked_at = $2 WHERE gateway = $1 AND revoked_at IS NULL",
            id_,
            actor.at,
        )
        await write_audit(connection, actor, "remove", "gateway", id_, {"sensors": ids})


async def set_credential(database: Database, id_: str, hash_: str | None, *, actor: Actor) -> None:
    """Keep the hash of a gateway's new password, or None to bar it.

    Raises:
        NotFound: there is no such gateway.
    """
    async with database.transaction() as connection:
        found = await connection.fetchval(
            "UPDATE gateways SET credential = $2, credential_at = $3 "
            "WHERE id = $1 AND removed_at IS NULL RETURNING number",
            id_,
            hash_,
            actor.at,
        )
        if found is None:
            raise NotFound("gateway", id_)
        verb = "bar" if hash_ is None else "credential"
        await write_audit(connection, actor, verb, "gateway", id_)


async def load_credentials(database: Database) -> dict[str, str]:
    """Hashes of the live gateways' passwords, by gateway id."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, credential FROM gateways "
            "WHERE removed_at IS NULL AND credential IS NOT NULL ORDER BY id"
        )
    return {row["id"]: row["credential"] for row in rows}


def _check(gateway: Gateway) -> None:
    check_id("id", gateway.id)
    check_text("name", gateway.name)
    check_text("codec", gateway.codec, longest=32, required=True)
    if not (math.isfinite(gateway.silence_s) and 1 <= gateway.silence_s <= 604_800):
        raise Invalid("silence_s", "must lie between 1 s and 7 days")


async def _check_site(connection: Connection, site: str) -> None:
    found = await connection.fetchval(
        "SELECT id FROM sites WHERE id = $1 AND removed_at IS NULL FOR KEY SHARE", site
    )
    if found is None:
        raise NotFound("site", site)
