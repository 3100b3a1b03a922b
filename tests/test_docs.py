"""Papers that can be checked are checked: settings, variables, commands, links, indexes."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from scripts import settings_page
from service.commands import app
from service.settings import Settings

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```(?:sh|console|bash)\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|/bin/|exec vedette )vedette((?: [a-z]+(?![\w./]))+)", re.MULTILINE)


def listed(*patterns: str) -> list[Path]:
    """Files of the project that match, committed or about to be."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [path for name in names if (path := ROOT / name).is_file()]


PAPERS = [path for path in listed("*.md") if "web" not in path.relative_to(ROOT).parts[:1]]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_setting_has_a_description() -> None:
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), (
        "run .venv/bin/python scripts/settings_page.py"
    )


def test_every_variable_that_is_spoken_of_is_documented() -> None:
    known = set(re.findall(r"VEDETTE_[A-Z_]+", settings_page.page()))
    unknown = {
        (named(path), name)
        for path in listed("*.md", "*.py", "*.sh", "*.yaml", "*.yml", "scripts/*", "deploy/*")
        for name in re.findall(r"\bVEDETTE_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8"))
        if name not in known
    }
    assert unknown == set()


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_link_within_the_project_leads_somewhere(paper: Path) -> None:
    broken = [
        target
        for target in LINK.findall(paper.read_text(encoding="utf-8"))
        if "://" not in target
        and not target.startswith(("#", "mailto:"))
        and not (paper.parent / target.split("#", maxsplit=1)[0]).exists()
    ]
    assert broken == []


def commands(group: typer.Typer, path: str = "") -> Iterator[str]:
    """Every command as its words, with a space before each: " gateway add"."""
    for command in group.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
        yield f"{path} {name}"
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from commands(below.typer_instance, f"{path} {below.name}")


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_command_that_is_shown_exists(paper: Path) -> None:
    tree = set(commands(app))
    shown = {
        words
        for block in CODE.findall(paper.read_text(encoding="utf-8"))
        for words in COMMAND.findall("\n".join(block))
    }
    unknown = {
        words
        for words in shown
        if not any(words == known or words.startswith(f"{known} ") for known in tree)
    }
    assert unknown == set()


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("[0-9]*.md")}
    index = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert pages - index == set()


def test_the_change_log_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_architecture_page_names_every_package_and_every_package_it_names_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.[a-z]+)?)`", text))
    assert packages <= {path.split("/", maxsplit=1)[0] for path in paths}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
