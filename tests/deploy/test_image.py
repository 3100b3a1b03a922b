"""deploy/Dockerfile, as far as a machine without Docker can tell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_everything_it_copies_exists_and_is_let_through_to_the_builder() -> None:
    let_through = {
        line[1:]
        for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = {source for line in copies for source in line.split()[:-1]}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/", maxsplit=1)[0] in let_through, source


def test_every_package_of_the_wheel_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY {package} {package}\n" in DOCKERFILE.read_text()


@pytest.mark.parametrize(("answer", "code"), [(200, 0), (503, 1)])
def test_its_health_check_asks_the_service_itself_whatever_proxy_is_set(
    answer: int, code: int
) -> None:
    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    command = re.search(r"^HEALTHCHECK.*\\\n\s+CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    assert command is not None
    _, *arguments = json.loads(command[1])
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        environment = os.environ | {
            "http_proxy": "http://127.0.0.1:9",
            "no_proxy": "",
            "VEDETTE_HTTP_PORT": str(server.server_port),
        }
        checked = subprocess.run(
            [sys.executable, *arguments], env=environment, check=False, timeout=10
        )
        server.shutdown()
        thread.join()
    assert checked.returncode == code
