"""`vedette user` and `vedette token`: who may sign in. They work on the database itself.

A running service sees the change within a second or two.
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
from service import control
from service.clock import now_us
from service.commands.base import DataDir, fail, settings
from store.accounts import (
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

user_app = typer.Typer(help="Accounts of people.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens of machines.", no_args_is_help=True)

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Answer = TypeVar("Answer")


@user_app.command("add")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="admin, operator, viewer or enterprise.")],
    scope: Annotated[
        str | None, typer.Option(help="Region, enterprise or site it is bound to; none: all.")
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

    _on_database(data_dir, add)
    print(f"user {name} ({role}) can sign in")


@user_app.command("password")
def user_password(
    name: str, password_stdin: PasswordStdin = False, data_dir: DataDir = None
) -> None:
    """Set a new password; the account's sessions end."""
    hashed = hash_password(_new_password(from_stdin=password_stdin))

    async def change(database: Database) -> None:
        user = (await load_accounts(database, now=now_us())).users.get(name)
        if user is None:
            fail(f"there is no user '{name}'; add it with `vedette user add {name} --role ROLE`")
        await update_user(
            database, msgspec.structs.replace(user, password_hash=hashed), actor=_me()
        )

    _on_database(data_dir, change)
    print(f"user {name} has a new password")


@user_app.command("list")
def user_list(data_dir: DataDir = None) -> None:
    """List accounts."""

    async def read(database: Database) -> list[User]:
        return list((await load_accounts(database, now=now_us())).users.values())

    for user in _on_database(data_dir, read):
        scope = user.scope_id or "everything"
        print(f"{user.name:<24} {user.role:<12} {scope}{'  disabled' if user.disabled else ''}")


@token_app.command("add")
def token_add(
    name: str,
    user: Annotated[str, typer.Option(help="Account whose rights it has.")] = "admin",
    gateway: Annotated[str | None, typer.Option(help="Bind it to one gateway's telemetry.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an API token and print it once."""
    secret = secrets.token_urlsafe(32)

    async def add(database: Database) -> None:
        token = Token(
            token_hash=hash_token(secret),
            name=name,
            user=user,
            gateway=gateway,
            created_at=now_us(),
        )
        await add_token(database, token, actor=_me())

    _on_database(data_dir, add)
    print(secret)


@token_app.command("revoke")
def token_revoke(
    name: str,
    user: Annotated[str, typer.Option(help="Account it belongs to.")] = "admin",
    data_dir: DataDir = None,
) -> None:
    """End a token at once."""
    _on_database(data_dir, lambda database: revoke_token(database, user, name, actor=_me()))
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
    if node is None:
        return "all", None
    places: dict[ScopeKind, Mapping[str, object]] = {
        "region": registry.regions,
        "enterprise": registry.enterprises,
        "site": registry.sites,
    }
    kinds = [kind for kind, known in places.items() if node in known]
    if not kinds:
        fail(f"--scope {node}: there is no region, enterprise or site of this id")
    return kinds[0], node


def _on_database(data_dir: Path | None, work: Callable[[Database], Awaitable[Answer]]) -> Answer:
    """Run `work` on the running service's database, else on the configured one."""
    chosen = settings(data_dir=data_dir)
    try:
        url = control.find(chosen.data_dir).database_url
    except control.NoService:
        url = chosen.database_url.get_secret_value()

    async def run() -> Answer:
        database = await Database.connect(url, max_connections=1)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (DatabaseUnavailable, Refused) as error:
        fail(str(error))
