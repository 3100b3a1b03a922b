"""Fixtures of the whole house: the running demo, as a stranger would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.embedded.mosquitto import MosquittoBroker, mosquitto_program

READY_WITHIN_S = 90


def pytest_configure() -> None:
    """Without mosquitto, what starts one is skipped; as root `scripts/test` installs it."""
    if mosquitto_program() is None:
        pytest.MonkeyPatch().setattr(MosquittoBroker, "prepare", _skip_without_mosquitto)


async def _skip_without_mosquitto(_broker: MosquittoBroker) -> None:
    pytest.skip("mosquitto is not installed (Debian package: mosquitto)")


@dataclass(frozen=True)
class Demo:
    """A `vedette demo` process that has said it is ready."""

    url: str
    admin_password: str
    data_dir: Path
    process: subprocess.Popen[str]
    output: list[str]


def start_demo(data_dir: Path, *options: str, password: str = "correct horse 7 battery") -> Demo:
    """Start a demo on free ports and wait for its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "demo", "--port", "0", "--mqtt-port", "0",
         "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "VEDETTE_ADMIN_PASSWORD": password},
    )  # fmt: skip
    output: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                output.append(line.rstrip("\n"))
                if line.startswith("ready "):
                    ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    came = ready.wait(READY_WITHIN_S)
    url = next((line.split()[1] for line in output if line.startswith("ready ")), None)
    if not came or url is None:
        process.kill()
        pytest.fail("the demo did not become ready:\n" + "\n".join(output[-60:]))
    return Demo(url, password, data_dir, process, output)


def stop_demo(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGTERM)
    demo.process.wait(30)
    assert demo.process.stdout is not None
    demo.process.stdout.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The simulated county, shared by all tests that only look or act through the surface."""
    running = start_demo(tmp_path_factory.mktemp("demo"))
    yield running
    stop_demo(running)
