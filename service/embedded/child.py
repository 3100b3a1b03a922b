"""Become a server process: drop root, tie our life to the parent's, then exec.

Run as a script, with nothing of the house imported:
`child.py PARENT DEATH_SIGNAL UID GID PROGRAM ARGUMENT...` (UID -1: stay who we are).

The order matters. A change of uid clears the parent-death signal, so it is set after the drop;
and the parent may die before it is set, so we look afterwards whether it is still there.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, death_signal: int, uid: int, gid: int, command: list[str]) -> None:
    """Replace this process by `command`; returns never, or raises OSError."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o077)
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit("the parent ended before this server started")
    os.execv(command[0], command)  # noqa: S606 the launcher's own command, no shell wanted


if __name__ == "__main__":
    parent, death_signal, uid, gid = map(int, sys.argv[1:5])
    become(parent, death_signal, uid, gid, sys.argv[5:])
