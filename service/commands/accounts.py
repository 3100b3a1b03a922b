"""`vedette user` and `vedette token`: who may sign in. They work on the database itself.

When a command returns, a service that runs on the data directory knows of the change.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import Annotated, get_args

import msgspec
import typer

from api.passwords import SHORTEST, hash_password
from api.tokens import hash_token
from service.clock import now_us
from service.commands.base import DataDir, fail
from service.commands.on_database import on_database
from service.commands.scopes import scope_of
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
from store.database import Database
from store.registry import load_registry

user_app = typer.Typer(help="Accounts of people.")
token_app = typer.Typer(help="Tokens of machines.")

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Name = Annotated[str, typer.Argument(metavar="NAME")]


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
        kind, node = scope_of(await load_registry(database), scope)
        user = User(
            name=name, password_hash=hashed, role=known_role, scope_kind=kind, scope_id=node
        )
        await add_user(database, user, actor=_me())

    on_database(data_dir, add, seen=lambda accounts: name in accounts.users)
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

    on_database(
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

    for user in on_database(data_dir, read):
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

    on_database(data_dir, add, seen=lambda accounts: hashed in accounts.tokens)
    print(secret)


@token_app.command("revoke")
def token_revoke(
    name: Name,
    user: Annotated[str, typer.Option(metavar="NAME", help="Account it belongs to.")] = "admin",
    data_dir: DataDir = None,
) -> None:
    """End a token at once."""
    on_database(
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
        if not sys.stdin.isatty():
            fail("there is no terminal to ask for the password; use --password-stdin", code=2)
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            fail("the two passwords differ; try again", code=2)
    if len(password) < SHORTEST:
        fail(f"the password has fewer than {SHORTEST} characters; choose a longer one", code=2)
    return password
