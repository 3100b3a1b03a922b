"""Changes to regions, enterprises, sites and zones.

Ids are chosen by people. A removed row stays, for the history that points at it; adding its id
again brings it back with the new content. What still has children cannot be removed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.assets import ID_PATTERN, Enterprise, Region, Site, Zone
from store.audit import Actor, write_audit
from store.connection import Connection
from store.database import Database
from store.refusals import Conflict, Invalid, NotFound

Asset = Region | Enterprise | Site | Zone

_TABLE: Final[dict[type[Asset], str]] = {
    Region: "regions",
    Enterprise: "enterprises",
    Site: "sites",
    Zone: "zones",
}
_PARENT: Final[dict[type[Asset], tuple[str, type[Asset]]]] = {
    Region: ("parent", Region),
    Enterprise: ("region", Region),
    Site: ("enterprise", Enterprise),
    Zone: ("site", Site),
}
_CHILDREN: Final[dict[type[Asset], tuple[tuple[str, str], ...]]] = {
    Region: (("regions", "parent"), ("enterprises", "region")),
    Enterprise: (("sites", "enterprise"),),
    Site: (("zones", "site"), ("gateways", "site")),
    Zone: (("sensors", "zone"),),
}


def kind_of(type_: type[Asset]) -> str:
    return type_.__name__.lower()


async def add_asset(database: Database, asset: Asset, *, actor: Actor) -> None:
    """Add a region, enterprise, site or zone.

    Raises:
        Invalid: an id or name that cannot be.
        NotFound: its parent does not exist.
        Conflict: its id is taken.
    """
    async with database.transaction() as connection:
        await insert_asset(connection, asset, actor=actor)


async def insert_asset(connection: Connection, asset: Asset, *, actor: Actor) -> None:
    """`add_asset` within the caller's transaction."""
    _check(asset)
    type_ = type(asset)
    await _check_parent(connection, asset)
    columns = msgspec.structs.asdict(asset)
    names = list(columns)
    places = ", ".join(f"${i + 1}" for i in range(len(names)))
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in names[1:])
    table = _TABLE[type_]
    added = await connection.fetchval(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) "
        f"ON CONFLICT (id) DO UPDATE SET {updates}, removed_at = NULL "
        f"WHERE {table}.removed_at IS NOT NULL RETURNING id",
        *columns.values(),
    )
    if added is None:
        raise Conflict(f"{kind_of(type_)} {asset.id!r} exists already")
    await write_audit(connection, actor, "add", kind_of(type_), asset.id, asset)


async def update_asset(database: Database, asset: Asset, *, actor: Actor) -> None:
    """Replace everything of a row but its id.

    Raises:
        NotFound: it, or its new parent, does not exist.
        Invalid: a value that cannot be; a region below itself.
    """
    _check(asset)
    type_ = type(asset)
    columns = msgspec.structs.asdict(asset)
    names = list(columns)[1:]
    updates = ", ".join(f"{name} = ${i + 2}" for i, name in enumerate(names))
    async with database.transaction() as connection:
        await _check_parent(connection, asset)
        if isinstance(asset, Region):
            await _check_no_cycle(connection, asset)
        updated = await connection.fetchval(
            f"UPDATE {_TABLE[type_]} SET {updates} "
            "WHERE id = $1 AND removed_at IS NULL RETURNING id",
            *columns.values(),
        )
        if updated is None:
            raise NotFound(kind_of(type_), asset.id)
        await write_audit(connection, actor, "update", kind_of(type_), asset.id, asset)


async def remove_asset(database: Database, type_: type[Asset], id_: str, *, actor: Actor) -> None:
    """Remove a row that has no children.

    Raises:
        NotFound: there is none.
        Conflict: it has children.
    """
    async with database.transaction() as connection:
        # The lock keeps a child from being added meanwhile: its foreign key needs the row.
        row = await connection.fetchval(
            f"SELECT id FROM {_TABLE[type_]} WHERE id = $1 AND removed_at IS NULL FOR UPDATE",
            id_,
        )
        if row is None:
            raise NotFound(kind_of(type_), id_)
        for table, column in _CHILDREN[type_]:
            children = await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column} = $1 AND removed_at IS NULL",
                id_,
            )
            if children:
                raise Conflict(
                    f"{kind_of(type_)} {id_!r} still has {children} {table}; remove them first"
                )
        await connection.execute(
            f"UPDATE {_TABLE[type_]} SET removed_at = $2 WHERE id = $1",
            id_,
            actor.at,
        )
        await write_audit(connection, actor, "remove", kind_of(type_), id_)


def check_id(field: str, id_: str) -> None:
    if not ID_PATTERN.fullmatch(id_):
        raise Invalid(field, "use 1-64 letters, digits, '-' or '_', beginning with no sign")


def check_text(field: str, text: str, *, longest: int = 200, required: bool = False) -> None:
    if required and not text.strip():
        raise Invalid(field, "must not be empty")
    if len(text) > longest:
        raise Invalid(field, f"must have at most {longest} characters")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise Invalid(field, "must not contain control characters")


def _check(asset: Asset) -> None:
    check_id("id", asset.id)
    check_text("name", asset.name, required=True)
    if isinstance(asset, Site):
        for field, value, bound in (
            ("latitude", asset.latitude, 90.0),
            ("longitude", asset.longitude, 180.0),
        ):
            if value is not None and not -bound <= value <= bound:
                raise Invalid(field, f"must lie between -{bound:g} and {bound:g} degrees")


async def _check_parent(connection: Connection, asset: Asset) -> None:
    column, parent_type = _PARENT[type(asset)]
    parent: str | None = getattr(asset, column)
    if parent is None:
        return
    # The same lock a foreign key takes: the parent cannot be removed before we commit.
    found = await connection.fetchval(
        f"SELECT id FROM {_TABLE[parent_type]} WHERE id = $1 AND removed_at IS NULL FOR KEY SHARE",
        parent,
    )
    if found is None:
        raise NotFound(kind_of(parent_type), parent)


async def _check_no_cycle(connection: Connection, region: Region) -> None:
    above = await connection.fetchval(
        "WITH RECURSIVE above AS (SELECT id, parent FROM regions WHERE id = $1"
        " UNION SELECT r.id, r.parent FROM regions r JOIN above ON r.id = above.parent)"
        " SELECT count(*) FROM above WHERE id = $2",
        region.parent,
        region.id,
    )
    if above:
        raise Invalid("parent", "a region cannot lie below itself")
