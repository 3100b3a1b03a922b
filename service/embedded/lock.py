"""One launcher to a directory, and an end to whatever an earlier launcher left behind.

A launcher holds an flock on its part's directory; the kernel lets go of it when the launcher
dies, however it dies. So whoever gets the lock knows that a server still running there has lost
its launcher and may be ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class AlreadyRunning(Exception):
    """Another launcher uses the same directory."""


@contextmanager
def sole_launcher(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process.

    Raises:
        AlreadyRunning: another process holds it; the text says which.
    """
    descriptor = os.open(directory / "launcher.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise AlreadyRunning(
                f"{directory} is in use by process {owner or 'unknown'}; "
                "stop it or choose another data directory"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def process_mark(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None if it has ended."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = line.rpartition(")")[2].split()
    return None if state in "ZX" else f"{pid} {rest[18]}"


async def end_leftover(record: Path, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """End the server noted in `record`, if it still runs: signal after signal, seconds each.

    Only call while holding the directory.

    Raises:
        AlreadyRunning: it survived the last signal.
    """
    noted = _read(record)
    if noted is None:
        return
    pid = int(noted.split()[0])
    for number, patience_s in signals:
        if process_mark(pid) != noted:
            break
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while process_mark(pid) == noted:  # noqa: ASYNC110 nobody tells us of its end
                    await asyncio.sleep(0.01)
    if process_mark(pid) == noted:
        raise AlreadyRunning(f"process {pid}, left from an earlier start, cannot be ended")


def _read(record: Path) -> str | None:
    try:
        return record.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


async def end_processes_in(directory: Path, *, program: str, patience_s: float = 10.0) -> None:
    """Kill every process of `program` that works in `directory`, and wait until all have ended.

    A killed PostgreSQL postmaster leaves backends that may still write for a moment; a new one
    must not start beside them. Somebody's shell that stands there is no server and is let be.

    Args:
        directory: working directory of the processes.
        program: file name of what they run; an earlier version lies, or lay, elsewhere.
        patience_s: seconds to wait.

    Raises:
        AlreadyRunning: one of them did not end.
    """
    deadline = asyncio.get_running_loop().time() + patience_s
    while left := _processes_in(directory, program):
        if asyncio.get_running_loop().time() > deadline:
            raise AlreadyRunning(f"processes {left} still work in {directory}")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.01)


def _processes_in(directory: Path, program: str) -> list[int]:
    directory, found = directory.resolve(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if (entry / "cwd").readlink() == directory and _runs(entry, program):
                    found.append(int(entry.name))
    return found


def _runs(entry: Path, program: str) -> bool:
    """Whether a process of /proc runs a file of this name, be it replaced or removed since."""
    return (entry / "exe").readlink().name.removesuffix(" (deleted)") == program
