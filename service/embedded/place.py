"""Where a server's files and programs lie, so that its account may go there.

Nothing that exists is ever opened wider. If the data directory cannot be entered by the account
(below /root, say), the files go below `FALLBACK` instead; programs that cannot be reached are
copied beside them, once per version.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service.embedded.account import Account, may_enter, may_run
from service.private_files import replace_private

FALLBACK: Final = Path("/var/lib/vedette")
_log = logging.getLogger("vedette.embedded")


class NoPlace(Exception):
    """There is no directory that the server's account may enter."""


def part_directory(data_dir: Path, part: str, account: Account | None) -> Path:
    """Make and return the directory of one embedded part, below `data_dir` if that can be entered.

    The directory is ours (mode 0711); what the server writes goes into `own_directory`s below it.

    Raises:
        NoPlace: neither `data_dir` nor `FALLBACK` can be entered by the account.
    """
    data_dir = data_dir.absolute()
    directory = data_dir / part
    if not may_enter(data_dir, account):
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        directory = FALLBACK / f"for-{digest}" / part
        if not may_enter(FALLBACK, account):
            raise NoPlace(
                f"neither {data_dir} nor {FALLBACK} can be entered by the account the server "
                "runs as; choose another data directory or run without root"
            )
        _log.warning(
            "%s cannot be entered by an unprivileged account: %s is kept in %s",
            data_dir,
            part,
            directory,
        )
    missing = [step for step in (directory, *directory.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir(mode=0o711, exist_ok=True)
    return directory


def own_directory(path: Path, account: Account | None) -> Path:
    """Make `path` a directory of the server's own account that nobody else may enter."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account is not None and path.stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    return path


def write_private(path: Path, content: str, account: Account | None = None) -> None:
    """Replace the file at `path` in one step, readable by its owner (the account) only."""
    owner = None if account is None else (account.uid, account.gid)
    replace_private(path, content.encode(), owner=owner)


def reachable_program(program: Path, directory: Path, account: Account | None) -> Path:
    """The program itself, or a copy of it in `directory` if the account cannot reach it."""
    if may_run(program, account):
        return program
    copies = reachable_trees({program.name: program}, directory, account, version=_stamp(program))
    return copies / program.name


def reachable_trees(
    trees: Mapping[str, Path], directory: Path, account: Account | None, *, version: str
) -> Path:
    """Copy files and trees (name to source) to `directory/programs-VERSION`, once; return that."""
    copies = directory / f"programs-{version}"
    if copies.exists() and may_enter(copies, account):
        return copies
    unfinished = directory / f".programs-{version}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o755)
    for name, source in trees.items():
        target = unfinished / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target)
    for stale in directory.glob("programs-*"):
        shutil.rmtree(stale)
    unfinished.rename(copies)
    return copies


def _stamp(program: Path) -> str:
    status = program.stat()
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"
