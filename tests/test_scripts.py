"""scripts/: what a person types first."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = '. "$(dirname "$0")/environment.sh"; '
A_SECOND_START_ADDS_S = 1.0


def run(shell: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run shell text as one of the scripts would, from another folder."""
    return subprocess.run(
        ["sh", "-euc", LIBRARY + shell, ROOT / "scripts" / "demo"],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_second_start_finds_everything_made_and_adds_less_than_a_second() -> None:
    if run("environment_is_made run && web_is_built").returncode != 0:
        pytest.skip("sources have changed since scripts/test or scripts/demo ran")
    took = []
    for _ in range(3):
        began = time.perf_counter()
        result = run("make_environment run; build_web")
        took.append(time.perf_counter() - began)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert min(took) < A_SECOND_START_ADDS_S


def test_a_python_that_is_too_old_is_refused_by_name(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = run("find_python", {"PATH": "/usr/bin:/bin", "PYTHON": str(old)})
    assert result.returncode == 1
    assert f"no Python >= 3.11 found as {old}" in result.stderr
