"""Open files: a connection needs some, and a bare machine allows only 1,024 at first."""

from __future__ import annotations

import resource
from typing import Final

FILES_A_GATEWAY: Final = 4
"""A socket, and the pair with which paho wakes itself; one to spare."""
OTHER_FILES: Final = 256


def make_room_for(gateways: int) -> None:
    """Raise this process's limit of open files as far as so many gateways need.

    Raises:
        OSError: the hard limit is too low; the machine's administrator can raise it.
    """
    needed = FILES_A_GATEWAY * gateways + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise OSError(
            f"{gateways} gateways need {needed} open files, the limit is {hard}: "
            f"raise it (ulimit -n {needed}) or simulate fewer sites"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
