"""systemd inside and a heartbeat outside hear of us only while the spine turns."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.watchdog import feed_watchdog, notify_systemd, send_heartbeats, watchdog_interval_s


@contextmanager
def systemd(monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield receiver


def run_for(seconds: float, task: object) -> None:
    async def limited() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await task  # type: ignore[misc]

    asyncio.run(limited())


@pytest.mark.parametrize("abstract", [False, True], ids=["a file", "abstract"])
def test_systemd_hears_that_we_are_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, abstract: bool
) -> None:
    address = f"@vedette-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with systemd(monkeypatch, address) as receiver:
        notify_systemd("READY=1")
        assert receiver.recv(64) == b"READY=1"


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")


@pytest.mark.parametrize(
    ("microseconds", "owner", "interval_s"),
    [
        (None, None, None),
        ("", None, None),
        ("30000000", None, 15.0),
        ("30000000", "us", 15.0),
        ("30000000", "another", None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time_if_it_is_ours(
    monkeypatch: pytest.MonkeyPatch,
    microseconds: str | None,
    owner: str | None,
    interval_s: float | None,
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if microseconds is not None:
        monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    if owner is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() if owner == "us" else 1))
    assert watchdog_interval_s() == interval_s


def test_the_watchdog_hungers_while_the_spine_does_not_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turns = iter([True, False, False, True])
    asked = 0

    def turning() -> bool:
        nonlocal asked
        asked += 1
        return next(turns, False)

    with systemd(monkeypatch, str(tmp_path / "notify")) as receiver:
        run_for(0.5, feed_watchdog(0.02, turning=turning))
        assert asked > 4
        assert [receiver.recv(64) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            receiver.recv(64)


class Outside:
    """Somebody who expects heartbeats; `status` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.heard.append(self.path)
                self.send_response(outside.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The test says what matters."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/beat/7"


@pytest.fixture
def outside() -> Iterator[Outside]:
    somebody = Outside()
    serving = threading.Thread(target=somebody.server.serve_forever, args=(0.01,))
    serving.start()
    yield somebody
    somebody.server.shutdown()
    serving.join()
    somebody.server.server_close()


def test_a_heartbeat_goes_out_while_the_spine_turns(outside: Outside) -> None:
    run_for(0.5, send_heartbeats(outside.url, 0.02, turning=lambda: True))
    assert len(outside.heard) >= 3
    assert set(outside.heard) == {"/beat/7"}


def test_no_heartbeat_goes_out_while_the_spine_does_not_turn(outside: Outside) -> None:
    run_for(0.3, send_heartbeats(outside.url, 0.02, turning=lambda: False))
    assert outside.heard == []


def test_heartbeats_go_on_after_errors(outside: Outside) -> None:
    outside.status = 500
    beats = 0

    def turning() -> bool:
        nonlocal beats
        beats += 1
        if beats == 3:
            outside.status = 200
        return True

    run_for(0.5, send_heartbeats(outside.url, 0.02, turning=turning))
    assert len(outside.heard) >= 4


def test_a_heartbeat_that_nobody_hears_ends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    beats = 0

    def turning() -> bool:
        nonlocal beats
        beats += 1
        return True

    run_for(0.3, send_heartbeats(f"http://127.0.0.1:{port}/", 0.02, turning=turning))
    assert beats >= 3
