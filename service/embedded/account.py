"""Who runs the embedded servers: ourselves, or an unprivileged account when we are root.

PostgreSQL refuses to run as root, and a broker that strangers talk to should not. The account has
no home and no rights of its own, so whatever it must read or run has to lie where it may go.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFERRED_ACCOUNTS: Final = ("vedette", "nobody")


class NoAccount(Exception):
    """Root has no unprivileged account to run a server as."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def unprivileged(name: str | None = None) -> Account | None:
    """The account that servers run as; None when we are not root and run them ourselves.

    Args:
        name: An account of the operating system; left out, the first of `PREFERRED_ACCOUNTS`
            that exists.

    Raises:
        NoAccount: there is no such account, or it is root again.
    """
    if os.geteuid() != 0:
        return None
    for candidate in (name,) if name else PREFERRED_ACCOUNTS:
        try:
            found = pwd.getpwnam(candidate)
        except KeyError:
            continue
        if found.pw_uid == 0:
            raise NoAccount(f"account '{candidate}' is root; name an unprivileged one")
        return Account(candidate, found.pw_uid, found.pw_gid)
    tried = name or " or ".join(PREFERRED_ACCOUNTS)
    raise NoAccount(f"servers must not run as root and there is no account '{tried}'; create one")


def may_enter(path: Path, account: Account | None) -> bool:
    """Whether the account can reach `path`: every existing directory above it lets it through.

    Judged by permission bits alone. A last component that does not exist yet is not judged.
    """
    if account is None:
        return True
    for step in (*reversed(path.resolve().parents), path.resolve()):
        try:
            status = step.stat()
        except FileNotFoundError:
            return True
        if not _has(status, account, stat.S_IXUSR, stat.S_IXGRP, stat.S_IXOTH):
            return False
    return True


def may_run(program: Path, account: Account | None) -> bool:
    """Whether the account can read and execute the file at `program`."""
    if account is None:
        return os.access(program, os.R_OK | os.X_OK)
    return may_enter(program, account) and _has(
        program.stat(), account, stat.S_IRUSR, stat.S_IRGRP, stat.S_IROTH
    )


def _has(status: os.stat_result, account: Account, user: int, group: int, other: int) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & user)
    if status.st_gid == account.gid:
        return bool(status.st_mode & group)
    return bool(status.st_mode & other)
