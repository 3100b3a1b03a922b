"""Processes of a bench, and the CPU time they take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

TICKS_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time of these processes and of all below them, user and system (s)."""
    children = _children()
    waiting = list(pids)
    total = 0.0
    while waiting:
        pid = waiting.pop()
        total += _own_cpu_s(pid)
        waiting += children.get(pid, ())
    return total


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def _own_cpu_s(pid: int) -> float:
    fields = _stat(pid)
    if not fields:
        return 0.0
    # proc(5): utime, stime, and those of children that have ended and were waited for.
    return sum(int(field) for field in fields[11:15]) * TICKS_S


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty when the process has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
