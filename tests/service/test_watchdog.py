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
from structlog.testing import capture_logs

from service.watchdog import (
    DEAF_S,
    Judging,
    feed_watchdog,
    notify_systemd,
    send_heartbeats,
    watchdog_interval_s,
)


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


def test_a_notify_socket_that_nobody_reads_ends_nothing_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = str(tmp_path / "gone")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with capture_logs() as told:
        for _ in range(3):
            notify_systemd("WATCHDOG=1")
    assert [(line["event"], line["notify_socket"]) for line in told] == [("systemd.deaf", address)]


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


@pytest.mark.parametrize("answer", [b"OK\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000])
def test_a_receiver_that_answers_garbage_ends_nothing(answer: bytes) -> None:
    asked = 0

    async def scene() -> None:
        nonlocal asked

        async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            await reader.readuntil(b"\r\n\r\n")
            asked += 1
            writer.write(answer)
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(garbage, "127.0.0.1", 0) as outside:
            port = outside.sockets[0].getsockname()[1]
            beats = asyncio.create_task(
                send_heartbeats(f"http://127.0.0.1:{port}/", 0.02, turning=lambda: True)
            )
            async with asyncio.timeout(10):
                while asked < 3 and not beats.done():
                    await asyncio.sleep(0.01)
            assert not beats.done()
            beats.cancel()
            await asyncio.wait([beats])

    asyncio.run(scene())


class Figures:
    """What the heartbeat looks at, as a test sets it."""

    def __init__(self) -> None:
        self.turning = True
        self.journal: str | None = None
        self.ingest: list[str] = []
        self.now = 1000.0
        self.judging = Judging(
            turning=lambda: self.turning,
            journal_fault=lambda: self.journal,
            ingest_faults=lambda: self.ingest,
            monotonic=lambda: self.now,
        )


def test_readings_are_judged_while_entries_are_folded_and_the_journal_keeps_them() -> None:
    figures = Figures()
    assert figures.judging()
    figures.turning = False
    assert not figures.judging()
    figures.turning, figures.journal = True, "the disk is full"  # ticks may still find room
    assert not figures.judging()
    figures.journal = None
    assert figures.judging()


def test_a_broker_that_is_away_for_long_stops_the_heartbeat_until_it_is_back() -> None:
    figures = Figures()
    assert figures.judging()
    figures.ingest = ["the broker closed the connection"]
    assert figures.judging()
    figures.now += DEAF_S - 1
    assert figures.judging()
    figures.now += 1
    assert not figures.judging()
    figures.ingest = []
    assert figures.judging()
    figures.ingest = ["again"]
    assert figures.judging()
