"""The wheel: complete, refused without its web interface, and its core passes the core's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["packages"]
INDEX = "api/static/index.html"


def listed() -> list[str]:
    """What git would take into a commit of the packages, data files included."""
    return subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip


def build_wheel(project: Path, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", where],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / INDEX).is_file():
        pytest.skip("the web interface is not built; scripts/test and scripts/demo build it")
    where = tmp_path_factory.mktemp("wheel")
    result = build_wheel(ROOT, where)
    assert result.returncode == 0, result.stdout
    return next(where.glob("*.whl"))


def test_a_wheel_without_the_web_interface_does_not_build(tmp_path: Path) -> None:
    for name in ["pyproject.toml", "hatch_build.py", "README.md", "LICENSE"]:
        shutil.copy(ROOT / name, tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    result = build_wheel(tmp_path, tmp_path / "dist")
    assert result.returncode != 0
    assert f"{INDEX} is missing" in result.stdout


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert set(listed()) <= packed
    assert INDEX in packed
    strangers = {
        name for name in packed if name.split("/")[0] not in PACKAGES and ".dist-info/" not in name
    }
    assert strangers == set()


@pytest.mark.timeout(900)
def test_the_core_installed_from_the_wheel_passes_its_tests(wheel: Path, tmp_path: Path) -> None:
    """In a clean environment and an empty folder: the checkout is out of reach."""
    uv = Path(sys.executable).with_name("uv")
    python = tmp_path / "environment" / "bin" / "python"
    locked = tmp_path / "locked.txt"

    def run(*command: str | Path, where: Path = ROOT) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
        inherited.pop("VIRTUAL_ENV", None)
        result = subprocess.run(
            command, cwd=where, env=inherited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout[-8000:]

    groups = ["--no-default-groups", "--group", "core-test"]
    run(uv, "export", "--quiet", "--frozen", "--no-emit-project", *groups, "-o", locked)
    run(sys.executable, "-m", "venv", "--without-pip", python.parents[1])
    run(uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", locked)
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel)

    bench = tmp_path / "bench"
    for folder in ["domain", "alerting"]:
        shutil.copytree(ROOT / "tests" / folder, bench / "tests" / folder)
    shutil.copytree(ROOT / "docs", bench / "docs")  # some tests compare a page with the code
    for name in ["pyproject.toml", "conftest.py"]:
        shutil.copy(ROOT / name, bench)
    run(
        python, "-c",
        "import alerting, domain, sysconfig; home = sysconfig.get_path('purelib');"
        "assert all(m.__file__.startswith(home) for m in (alerting, domain))",
        where=bench,
    )  # fmt: skip
    run(python, "-m", "pytest", "-q", "tests", where=bench)
