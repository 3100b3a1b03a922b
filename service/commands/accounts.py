"""`vedette user` and `vedette token`: who may sign in. They work on the database itself.

When a command returns, a service that runs on the data directory knows of the change.
"""

from __future__ import annotations

import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import msgspec
import typer

from api.passwords import SHORTEST, hash_password
from api.tokens import hash_token
from service.clock import now_us
from service.commands.base import DataDir, database_url, fail, settings
from service.commands.taking_over import taken_over
from store.accounts import (
    Accounts,
    Role,
    Token,
    User,
    add_token,
    add_user,
    load_accounts,
    revoke_token,
    update_user,
)
from store.audit import Actor
from store.database import Database, DatabaseUnavailable
from store.refusals import Refused
from store.registry import Registry, ScopeKind, load_registry

user_app = typer.Typer(help="Accounts of people.")
token_app = typer.Typer(help="Tokens of machines.")

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Name = Annotated[str, typer.Argument(metavar="NAME")]
Answer = TypeVar("Answer")


@user_app.command("add")
def user_add(
    name: Name,
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="admin, operator, viewer or enterprise.")
    ],
    scope: Annotated[
        str | None,
        typer.Option(
            metavar="NODE",
            help="Region, enterprise or site it is bound to, by its id, or as region:ID, "
            "enterprise:ID or site:ID; left out: it sees everything.",
        ),
    ] = None,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
) -> None:
    """Add an account."""
    try:
        known_role = msgspec.convert(role, Role)
    except msgspec.ValidationError:
        fail(f"--role {role}: choose from {', '.join(get_args(Role))}", code=2)
    hashed = hash_password(_new_password(from_stdin=password_stdin))

    async def add(database: Database) -> None:
        kind, node = _scope(await load_registry(database), scope)
        user = User(
            name=name, password_hash=hashed, role=known_role, scope_kind=kind, scope_id=node
        )
        await add_user(database, user, actor=_me())

    _on_database(data_dir, add, seen=lambda accounts: name in accounts.users)
    print(f"user {name} ({role}) can sign in")


@user_app.command("password")
def user_password(
    name: Name, password_stdin: PasswordStdin = False, data_dir: DataDir = None
) -> None:
    """Set a new password; the account's sessions end."""
    hashed = hash_password(_new_password(from_stdin=password_stdin))

    async def change(database: Database) -> None:
        user = (await load_accounts(database, now=now_us())).users.get(name)
        if user is None:
            fail(
                f"there is no user '{name}'; add it with `vedette user add {name} --role ROLE`",
                code=2,
            )
        await update_user(
            database, msgspec.structs.replace(user, password_hash=hashed), actor=_me()
        )

    _on_database(
        data_dir,
        change,
        seen=lambda accounts: (
            (user := accounts.users.get(name)) is not None and user.password_hash == hashed
        ),
    )
    print(f"user {name} has a new password")


@user_app.command("list")
def user_list(data_dir: DataDir = None) -> None:
    """List accounts."""

    async def read(database: Database) -> list[User]:
        return list((await load_accounts(database, now=now_us())).users.values())

    for user in _on_database(data_dir, read):
        scope = "everything" if user.scope_id is None else f"{user.scope_kind}:{user.scope_id}"
        print(f"{user.name:<24} {user.role:<12} {scope}{'  disabled' if user.disabled else ''}")


@token_app.command("add")
def token_add(
    name: Name,
    user: Annotated[
        str, typer.Option(metavar="NAME", help="Account whose rights it has.")
    ] = "admin",
    gateway: Annotated[
        str | None, typer.Option(metavar="ID", help="Bind it to one gateway's telemetry.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an API token and print it once."""
    secret = secrets.token_urlsafe(32)
    hashed = hash_token(secret)

    async def add(database: Database) -> None:
        if gateway is not None and gateway not in (await load_registry(database)).gateways:
            fail(
                f"--gateway {gateway}: there is no such gateway; see `vedette gateway list`", code=2
            )
        token = Token(
            token_hash=hashed,
            name=name,
            user=user,
            gateway=gateway,
            created_at=now_us(),
        )
        await add_token(database, token, actor=_me())

    _on_database(data_dir, add, seen=lambda accounts: hashed in accounts.tokens)
    print(secret)


@token_app.command("revoke")
def token_revoke(
    name: Name,
    user: Annotated[str, typer.Option(metavar="NAME", help="Account it belongs to.")] = "admin",
    data_dir: DataDir = None,
) -> None:
    """End a token at once."""
    _on_database(
        data_dir,
        lambda database: revoke_token(database, user, name, actor=_me()),
        seen=lambda accounts: all(
            (token.user, token.name) != (user, name) for token in accounts.tokens.values()
        ),
    )
    print(f"token {name} is revoked")


def _me() -> Actor:
    return Actor(f"cli:{getpass.getuser()}", now_us())


def _new_password(*, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            fail("the two passwords differ; try again", code=2)
    if len(password) < SHORTEST:
        fail(f"the password has fewer than {SHORTEST} characters; choose a longer one", code=2)
    return password


def _scope(registry: Registry, node: str | None) -> tuple[ScopeKind, str | None]:
    """The kind and id of `ID` or `KIND:ID`; an id that two kinds share is not guessed at."""
    if node is None:
        return "all", None
    places: dict[ScopeKind, Mapping[str, object]] = {
        "region": registry.regions,
        "enterprise": registry.enterprises,
        "site": registry.sites,
    }
    wanted, _, id_ = node.rpartition(":")
    kinds = [kind for kind, known in places.items() if id_ in known and wanted in {"", kind}]
    if not kinds:
        fail(
            f"--scope {node}: there is no region, enterprise or site of this id; give ID, or "
            "region:ID, enterprise:ID or site:ID",
            code=2,
        )
    if len(kinds) > 1:
        ways = ", ".join(f"{kind}:{id_}" for kind in kinds)
        fail(f"--scope {node}: more than one has this id; choose from {ways}", code=2)
    return kinds[0], id_


def _on_database(
    data_dir: Path | None,
    work: Callable[[Database], Awaitable[Answer]],
    *,
    seen: Callable[[Accounts], bool] | None = None,
) -> Answer:
    """Run `work` on the running service's database, else on the configured one.

    Where a service runs and `seen` is given, wait until what the service knows fulfils it.
    """
    chosen = settings(data_dir=data_dir)

    async def run() -> Answer:
        database = await Database.connect(database_url(chosen), max_connections=1)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        answer = asyncio.run(run())
    except DatabaseUnavailable as error:
        fail(str(error))
    except Refused as error:
        fail(str(error), code=2)
    if seen is not None and not taken_over(chosen.data_dir, seen):
        print(
            "vedette: the running service does not know of it yet; it will within seconds of "
            "reaching its database (see `vedette doctor`)",
            file=sys.stderr,
        )
    return answer
