"""What holds for every embedded server: who runs it, and how it ends and comes back."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from service.embedded import (
    AlreadyRunning,
    MosquittoBroker,
    NatsBroker,
    PostgresServer,
    ServerFailed,
    place,
)
from service.embedded.lock import process_mark
from service.embedded.mosquitto import mosquitto_program
from service.embedded.server import Server

ROOT = Path(__file__).parents[3]
PARTS = ("postgres", "nats", "mosquitto")


def server(part: str, data_dir: Path) -> Server:
    if part == "postgres":
        return PostgresServer(data_dir)
    return (NatsBroker if part == "nats" else MosquittoBroker)(data_dir, port=0)


async def until(claim: Callable[[], bool], *, within_s: float = 15) -> None:
    async with asyncio.timeout(within_s):
        while not claim():
            await asyncio.sleep(0.02)


def working_in(directory: Path) -> list[psutil.Process]:
    """Processes whose command line or working directory names the directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd(), *process.cmdline()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(directory) in word for word in words):
            found.append(process)
    return found


def launch(part: str, data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    """A launcher process of its own, and the pid of the server it started."""
    if part == "mosquitto" and mosquitto_program() is None:
        pytest.skip("mosquitto is not installed (Debian package: mosquitto)")
    script = ROOT / "tests" / "service" / "embedded" / "launcher.py"
    process = subprocess.Popen(
        [sys.executable, str(script), part, str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().split()[0])


@pytest.mark.parametrize("part", PARTS)
def test_a_server_started_by_root_runs_as_somebody_else(part: str, data_dir: Path) -> None:
    async def scene() -> None:
        async with server(part, data_dir) as running:
            process = psutil.Process(running.pid)
            assert process.uids().effective == (
                os.geteuid() if running.account is None else running.account.uid
            )
            assert process.uids().effective != 0

    asyncio.run(scene())


@pytest.mark.parametrize("part", PARTS)
def test_nothing_runs_after_an_orderly_stop(part: str, data_dir: Path) -> None:
    async def scene() -> None:
        async with server(part, data_dir):
            assert working_in(data_dir)
        assert working_in(data_dir) == []

    asyncio.run(scene())


@pytest.mark.parametrize("part", PARTS)
def test_sigkill_of_the_parent_leaves_no_orphan_and_the_next_start_recovers(
    part: str, data_dir: Path
) -> None:
    launcher, pid = launch(part, data_dir)
    assert psutil.pid_exists(pid)
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()

    async def scene() -> None:
        await until(lambda: working_in(data_dir) == [])
        async with server(part, data_dir) as running:
            assert running.pid != pid

    asyncio.run(scene())


@pytest.mark.parametrize("part", PARTS)
def test_a_start_right_behind_the_kill_of_the_last_launcher_waits_for_its_server_to_end(
    part: str, data_dir: Path
) -> None:
    launcher, pid = launch(part, data_dir)
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()

    async def scene() -> None:
        async with server(part, data_dir) as running:
            assert running.pid != pid
            assert process_mark(pid) is None

    asyncio.run(scene())


@pytest.mark.parametrize("part", PARTS)
def test_a_server_that_is_killed_is_started_again(part: str, data_dir: Path) -> None:
    async def scene() -> None:
        async with server(part, data_dir) as running:
            first = running.pid
            running.signal(signal.SIGKILL)
            await until(lambda: running.pid not in (None, first))
            async with asyncio.timeout(15):
                while not await running.is_ready():
                    await asyncio.sleep(0.02)
            assert running.restarts >= 1

    asyncio.run(scene())


@pytest.mark.parametrize("part", PARTS)
def test_a_directory_has_one_launcher_at_a_time(part: str, data_dir: Path) -> None:
    async def scene() -> None:
        async with server(part, data_dir):
            with pytest.raises(AlreadyRunning, match=str(os.getpid())):
                async with server(part, data_dir):
                    pass

    asyncio.run(scene())


@pytest.mark.parametrize(("part", "seconds"), [("postgres", 1.5), ("nats", 0.5)])
def test_a_warm_start_is_quick(part: str, seconds: float, data_dir: Path) -> None:
    async def start() -> float:
        begun = time.monotonic()
        async with server(part, data_dir):
            return time.monotonic() - begun

    asyncio.run(start())
    # The best of three: a busy machine says nothing about a start.
    assert min(asyncio.run(start()) for _ in range(3)) < seconds


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")
@pytest.mark.parametrize("part", PARTS)
def test_a_data_directory_that_cannot_be_entered_is_left_closed_and_another_one_used(
    part: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed, fallback = data_dir / "closed", data_dir / "fallback"
    closed.mkdir(mode=0o700)
    fallback.mkdir(mode=0o711)
    monkeypatch.setattr(place, "FALLBACK", fallback)

    async def scene() -> None:
        async with server(part, closed) as running:
            assert running.directory.is_relative_to(fallback)

    asyncio.run(scene())
    assert closed.stat().st_mode & 0o777 == 0o700
    assert [str(closed) in record.getMessage() for record in caplog.records][:1] == [True]


class Brief(Server):
    """A server that is ready as soon as it runs, and runs only briefly."""

    part = "brief"
    death_signal = signal.SIGKILL
    stop_signals = ((signal.SIGKILL, 5.0),)

    def __init__(self, data_dir: Path, *, seconds: float = 0.0) -> None:
        super().__init__(data_dir)
        self._seconds = seconds
        self.starts: list[float] = []
        self.faults: list[Exception] = []

    async def prepare(self) -> None:
        self.starts.append(time.monotonic())

    def command(self) -> list[str]:
        return ["/bin/sleep", str(self._seconds)]

    async def is_ready(self) -> bool:
        if self.faults:
            raise self.faults.pop()
        return True


def test_a_server_that_dies_right_after_it_was_ready_is_started_again_less_and_less_often(
    data_dir: Path,
) -> None:
    async def scene() -> None:
        async with Brief(data_dir, seconds=0.05) as running:
            await until(lambda: len(running.starts) == 6)
            pauses = [after - before for before, after in itertools.pairwise(running.starts)]
            # The first at once, the others after a pause on top of the process's own time.
            wanted = (0.0, 0.1, 0.2, 0.4, 0.8)
            assert all(took >= pause for took, pause in zip(pauses, wanted, strict=True))

    asyncio.run(scene())


@pytest.mark.parametrize("fault", [EOFError(), KeyError("data"), OSError(), ServerFailed("no")])
def test_no_error_of_a_restart_ends_the_keeper(fault: Exception, data_dir: Path) -> None:
    async def scene() -> None:
        async with Brief(data_dir, seconds=60) as running:
            running.faults.append(fault)
            first = running.pid
            running.signal(signal.SIGKILL)
            await until(lambda: running.restarts == 2 and running.pid not in (None, first))
            assert running.faults == []
        assert working_in(data_dir) == []

    asyncio.run(scene())


def test_a_server_that_ended_is_not_ready_whatever_answers_in_its_place(data_dir: Path) -> None:
    class Slow(Brief):
        async def is_ready(self) -> bool:
            assert self._process is not None
            await self._process.wait()
            return len(self.starts) > 1

    async def scene() -> None:
        async with Slow(data_dir):
            pass

    with pytest.raises(ServerFailed, match="ended with code 0"):
        asyncio.run(scene())


def test_a_full_disk_is_told_in_one_line_with_the_place(data_dir: Path) -> None:
    class Full(Brief):
        def command(self) -> list[str]:
            return ["/bin/sh", "-c", "echo 'could not write: No space left on device'; exit 1"]

        async def is_ready(self) -> bool:
            return False

    async def scene() -> None:
        async with Full(data_dir):
            pass

    with pytest.raises(ServerFailed) as told:
        asyncio.run(scene())
    assert str(told.value) == (
        f"brief ended with code 1: no space is left on the disk of {data_dir / 'brief'}; "
        "make room there or choose another --data-dir"
    )


def test_a_server_that_cannot_start_says_its_own_last_words(data_dir: Path) -> None:
    async def scene() -> None:
        async with PostgresServer(data_dir, settings={"shared_buffers": "lots"}):
            pass

    with pytest.raises(ServerFailed, match="shared_buffers"):
        asyncio.run(scene())
    assert working_in(data_dir) == []
