"""`vedette demo` starts again on whatever an earlier start, or somebody's act, left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from service import control
from service.county import county_file
from service.demo import _telling_of_a_full_disk
from service.embedded import ServerFailed
from tests.conftest import Demo, start_demo, stop_demo


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Where the servers' account may go too, so that all of the demo's files lie here."""
    directory = Path(tempfile.mkdtemp(prefix="vedette-demo-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@contextmanager
def demo(data_dir: Path, *options: str) -> Iterator[Demo]:
    running = start_demo(data_dir, *options)
    try:
        yield running
    finally:
        stop_demo(running)
    assert running.process.returncode == 0, running.output


def call(data_dir: Path, method: str, path: str) -> Any:
    return control.call(control.find(data_dir), method, f"/api/v1{path}")


def until(claim: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_heard(data_dir: Path, gateway: str) -> Callable[[], bool]:
    def heard() -> bool:
        return bool(call(data_dir, "GET", f"/gateways/{gateway}")["messages"])

    return heard


def test_a_gateway_that_was_removed_stays_removed_and_the_others_play_on(data_dir: Path) -> None:
    with demo(data_dir, "--sites", "2"):
        first, second = [row["id"] for row in call(data_dir, "GET", "/gateways")["items"]][:2]
        call(data_dir, "DELETE", f"/gateways/{first}")
    with demo(data_dir, "--sites", "2"):
        left = [row["id"] for row in call(data_dir, "GET", "/gateways")["items"]]
        assert first not in left
        until(is_heard(data_dir, second))


def test_a_demo_that_was_begun_without_a_county_starts_and_says_that_nobody_plays(
    data_dir: Path,
) -> None:
    # As a start leaves it that is killed before the county is registered.
    county_file(data_dir).parent.mkdir()
    county_file(data_dir).write_text('{"seed": 1, "sites": 2, "passwords": {"gw-001": "word"}}')
    with demo(data_dir, "--no-simulate"):
        assert len(call(data_dir, "GET", "/sites")["items"]) == 1
    with demo(data_dir) as again:
        assert sum("nobody plays" in line for line in again.output) == 1
        assert len(call(data_dir, "GET", "/sites")["items"]) == 1


def test_a_simulator_that_cannot_play_leaves_the_service_running(data_dir: Path) -> None:
    with demo(data_dir, "--sites", "2"):
        pass
    county_file(data_dir).write_text("torn")
    with demo(data_dir) as again:
        assert sum("county.json cannot be read" in line for line in again.output) == 1
        assert call(data_dir, "GET", "/gateways")["items"]


def launch(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "service", "demo", "--port", "0", "--mqtt-port", "0",
         "--data-dir", str(data_dir), "--no-simulate"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "VEDETTE_ADMIN_PASSWORD": "correct horse 7 battery"},
    )  # fmt: skip


def working_below(directory: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(directory) in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_first_start_that_is_stopped_half_way_leaves_nothing_running_and_the_next_recovers(
    data_dir: Path, number: signal.Signals
) -> None:
    unfinished = data_dir / "postgres" / "cluster.new" / "base"
    with launch(data_dir) as starting:
        until(unfinished.exists)
        starting.send_signal(number)
        starting.send_signal(number)
        said, _ = starting.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert starting.returncode == 0
        assert said.splitlines()[-1] == "stopped before it was ready"
        assert working_below(data_dir) == []
    with demo(data_dir, "--no-simulate"):
        assert call(data_dir, "GET", "/sites")["items"]


def test_a_running_demo_that_is_told_twice_to_stop_stops_in_order(data_dir: Path) -> None:
    running = start_demo(data_dir, "--no-simulate")
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        running.process.send_signal(number)
    stop_demo(running)
    assert running.process.returncode == 0
    assert running.output[-1] == f"stopped; the data is kept in {data_dir}"
    assert working_below(data_dir) == []


def test_a_full_disk_is_told_instead_of_a_bare_error(data_dir: Path) -> None:
    told = f"no space is left on the disk of {data_dir}"
    with pytest.raises(ServerFailed, match=told), _telling_of_a_full_disk(data_dir):
        Path("/dev/full").write_text("something")
    with pytest.raises(PermissionError), _telling_of_a_full_disk(data_dir):
        raise PermissionError


def test_a_second_demo_on_the_same_data_is_refused_in_one_line_and_the_first_goes_on(
    data_dir: Path,
) -> None:
    with demo(data_dir, "--no-simulate"):
        with launch(data_dir) as second:
            said, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert len(said.splitlines()) == 2, said
        assert "is in use by process" in said
        assert call(data_dir, "GET", "/sites")["items"]
