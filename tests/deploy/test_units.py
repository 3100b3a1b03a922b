"""deploy/vedette.service and its user, judged by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.settings import Settings
from service.trusted_proxies import trusted_proxies

DEPLOY = Path(__file__).parents[2] / "deploy"
WORST_EXPOSURE = 2.0
"""`systemd-analyze security`: 0 is sealed, 10 is open; a service without hardening has 9.6."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    program = str(command[0])
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian package: systemd)")
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "vedette.service"
    text = (DEPLOY / "vedette.service").read_text()
    unit.write_text(text.replace("/opt/vedette/bin/vedette", "/bin/true"))
    result = run("systemd-analyze", "verify", "--man=no", unit)
    complaints = [line for line in result.stdout.splitlines() if "vedette" in line]
    assert (result.returncode, complaints) == (0, [])


def test_the_unit_is_hardened() -> None:
    result = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", DEPLOY / "vedette.service"
    )
    exposure = re.search(r"Overall exposure level for vedette\.service: ([\d.]+)", result.stdout)
    assert exposure is not None, result.stdout
    assert float(exposure[1]) <= WORST_EXPOSURE


def test_a_hung_service_is_killed_and_started_again_for_ever() -> None:
    lines = (DEPLOY / "vedette.service").read_text().splitlines()
    assert {"Type=notify", "WatchdogSec=30s", "Restart=always", "StartLimitIntervalSec=0"} <= {
        *lines
    }


def test_the_service_starts_behind_whoever_sets_the_clock() -> None:
    lines = (DEPLOY / "vedette.service").read_text().splitlines()
    for key in ("Wants=", "After="):
        assert any(line.startswith(key) and "time-sync.target" in line for line in lines)


def test_systemd_accepts_the_user() -> None:
    result = run("systemd-sysusers", "--dry-run", DEPLOY / "vedette.sysusers.conf")
    assert result.returncode == 0, result.stdout


def test_the_example_of_an_environment_file_makes_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = re.findall(r"^(VEDETTE_\w+)=(.*)$", (DEPLOY / "vedette.env").read_text(), re.MULTILINE)
    for name, value in pairs:
        assert name.removeprefix("VEDETTE_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    assert Settings().http_secure_cookie is True
    assert trusted_proxies(Settings().http_trusted_proxies) == ["127.0.0.1"]
