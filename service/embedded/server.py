"""A server process of our own: started, watched, started again when it dies, stopped with us.

A subclass says how to prepare its files, what to run and when it is ready; this class owns the
process. The output of the server goes line by line to `heard` and to the log.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import ClassVar, Final, Self

from service.embedded.account import Account, unprivileged
from service.embedded.lock import AlreadyRunning, end_leftover, process_mark, sole_launcher
from service.embedded.place import part_directory

_WRAPPER: Final = Path(__file__).with_name("child.py")
_SHORTEST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0
_STEADY_S: Final = 10.0
"""A process that lived so long is started again at once when it dies."""
_LAST_WORDS_S: Final = 1.0
"""How long the output of a process that has ended may take to arrive."""
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
"""All that a server inherits: our own environment holds passwords."""


NO_ROOM: Final = os.strerror(errno.ENOSPC)
"""What every program says when the disk is full."""


def no_room(directory: Path) -> str:
    return (
        f"no space is left on the disk of {directory}; make room there or choose another --data-dir"
    )


class ServerFailed(Exception):
    """A server did not start; the text ends with what it said last."""


class Server(ABC):
    """One embedded server; an async context manager that leaves when the process has ended.

    Enter it once.

    Attributes:
        directory: what belongs to this part; survives restarts.
        account: who the server runs as; None for ourselves.
        restarts: how often the process died and was started again.
    """

    part: ClassVar[str]
    """Name of the directory below the data directory, and of the log."""
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]
    """Signals that end the process, each with the seconds it is given."""
    death_signal: ClassVar[signal.Signals]
    """What the kernel sends the server when this process dies."""
    start_timeout_s: ClassVar[float] = 60.0

    def __init__(self, data_dir: Path, *, run_as: str | None = None) -> None:
        self.account: Account | None = unprivileged(run_as)
        self.directory = part_directory(data_dir, self.part, self.account)
        self.restarts = 0
        self._log = logging.getLogger(f"vedette.{self.part}")
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._tender: asyncio.Task[None] | None = None
        self.last_lines: deque[str] = deque(maxlen=12)
        self._stack = AsyncExitStack()

    @abstractmethod
    async def prepare(self) -> None:
        """Bring files into order before a start; called before each."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Program and arguments; the program as an absolute path."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether the process just started takes connections; asked every few milliseconds."""

    def heard(self, line: str) -> None:
        """Take one line of the server's output."""
        self._log.info("%s", line)

    async def tend(self) -> None:  # noqa: B027 most servers need nothing beside them
        """Work beside the server, for as long as the context lasts; cancelled at its end."""

    @property
    def pid(self) -> int | None:
        """The running server's process id; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Start the server and wait until it is ready.

        Raises:
            AlreadyRunning: another launcher holds the directory.
            ServerFailed: the server ended or was not ready in `start_timeout_s`.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(sole_launcher(self.directory))
            await end_leftover(self._record, self.stop_signals)
            stack.push_async_callback(self._stop)
            process = await self._start()
            self._keeper = asyncio.create_task(
                self._keep_running(process), name=f"{self.part}-keeper"
            )
            self._tender = asyncio.create_task(self.tend(), name=f"{self.part}-tender")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def signal(self, number: signal.Signals) -> None:
        """Send the running server a signal; nothing happens while there is none."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    @property
    def _record(self) -> Path:
        return self.directory / "server.pid"

    async def _start(self) -> Process:
        await self.prepare()
        self.last_lines.clear()
        process = await self._spawn()
        self._process = process
        self._listener = asyncio.create_task(self._listen(process), name=f"{self.part}-output")
        deadline = asyncio.get_running_loop().time() + self.start_timeout_s
        while True:
            # Looked at first: what answers in the place of a process that has ended is a stranger.
            if process.returncode is not None:
                await asyncio.wait([self._listener], timeout=_LAST_WORDS_S)
                raise ServerFailed(self.complaint(f"ended with code {process.returncode}"))
            if await self.is_ready():
                return process
            if self._stopping.is_set():
                raise ServerFailed(f"{self.part} was stopped before it was ready")
            if asyncio.get_running_loop().time() > deadline:
                raise ServerFailed(self.complaint(f"not ready in {self.start_timeout_s:g} s"))
            await asyncio.sleep(0.01)

    def as_account(self, death_signal: Signals, *command: str) -> list[str]:
        """`command` as it is run for this part: as its account, ending with us.

        The wrapper drops root, not the event loop: uvloop knows no `user` argument.
        """
        uid, gid = (self.account.uid, self.account.gid) if self.account else (-1, -1)
        numbers = (os.getpid(), int(death_signal), uid, gid)
        return [sys.executable, "-I", "-S", str(_WRAPPER), *map(str, numbers), *command]

    async def _spawn(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *self.as_account(self.death_signal, *self.command()),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=self.directory,
            env=_ENVIRONMENT,
            # Ctrl-C on the terminal reaches us alone; we then stop the servers in order.
            start_new_session=True,
        )
        mark = process_mark(process.pid)
        if mark is not None:
            self._record.write_text(mark, encoding="ascii")
        return process

    async def run_once(self, *command: str, text: str | None = None) -> tuple[int, str]:
        """Run a program as this server would run, to its end; returns its code and what it said.

        Cancelling ends it, with everything it started.
        """
        process = await asyncio.create_subprocess_exec(
            *self.as_account(signal.SIGKILL, *command),
            stdin=DEVNULL if text is None else PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=self.directory,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        try:
            said, _ = await process.communicate(None if text is None else text.encode())
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        return await process.wait(), said.decode("utf-8", "replace").strip()

    async def _listen(self, process: Process) -> None:
        output = process.stdout
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:  # longer than the reader's buffer; the rest of it follows
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self.last_lines.append(text)
            self.heard(text)

    async def _keep_running(self, process: Process) -> None:
        """Task: start the server again whenever it dies, whatever the reason, until stopped."""
        loop = asyncio.get_running_loop()
        pause_s, started = 0.0, loop.time()
        while True:
            code = await process.wait()
            if self._stopping.is_set():
                return
            self._log.error("%s", self.complaint(f"ended with code {code}; starting again"))
            if loop.time() - started > _STEADY_S:
                pause_s = 0.0
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()
                if self._stopping.is_set():
                    return
                pause_s = min(max(2 * pause_s, _SHORTEST_BACKOFF_S), _LONGEST_BACKOFF_S)
                self.restarts += 1
                started = loop.time()
                if (again := await self._start_again()) is not None:
                    process = again
                    break
            if self._stopping.is_set():
                await self._end_process()
                return

    async def _start_again(self) -> Process | None:
        """The process, or None: why it did not start is logged."""
        try:
            return await self._start()
        except (ServerFailed, AlreadyRunning, OSError) as failure:
            self._log.error("%s", failure)
        except Exception:  # noqa: BLE001 logged; nothing may end the one who keeps it running
            self._log.exception("%s did not start", self.part)
        await self._end_process()
        return None

    async def _stop(self) -> None:
        self._stopping.set()
        await self._end_process()
        tasks = [task for task in (self._keeper, self._listener) if task is not None]
        await asyncio.gather(*tasks)
        if self._tender is not None:
            self._tender.cancel()
            with suppress(asyncio.CancelledError):
                await self._tender
        self._record.unlink(missing_ok=True)

    async def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        for number, patience_s in self.stop_signals:
            if process.returncode is not None:
                return
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await process.wait()

    def complaint(self, what: str) -> str:
        """Why the server did not start or did not stay, in the words it said last."""
        said = "\n".join(self.last_lines)
        if NO_ROOM.casefold() in said.casefold():  # Go says it in small letters
            return f"{self.part} {what}: {no_room(self.directory)}"
        return f"{self.part} {what}; it said:\n{said}" if said else f"{self.part} {what}"
