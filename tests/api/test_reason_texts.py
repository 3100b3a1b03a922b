"""Why something is refused has its Chinese, as it is really worded in store and api."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

import api
import store
from api.phrases import in_chinese
from api.problems import FieldError, Problem
from store.assets import _CHILDREN, kind_of

TOLD: Final = {"Invalid": 1, "FieldError": 1, "Conflict": 0, "refusing": 0}
"""What refuses, and which of its arguments is the reason."""

ELSEWHERE: Final = {
    "refusals.py: taken",  # `refusing`, whose argument is looked at
    "lists.py: reason",  # from `problem_texts`, in both languages
    "telemetry.py: reason",  # to a gateway, as the wire format's reader says it
    "telemetry.py: fault.rejection.reason",
}

LATIN_WORDS: Final = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def sentence(node: ast.expr, tree: ast.Module) -> str | None:
    """The text, `x1`, `x2` for what varies; None where it is not written down here."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [
            f"x{n}" if isinstance(part, ast.FormattedValue) else str(ast.literal_eval(part))
            for n, part in enumerate(node.values)
        ]
        return "".join(parts)
    assigned = [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == ast.unparse(node)
    ]
    return sentence(assigned[0], tree) if len(assigned) == 1 else None


def reasons() -> tuple[set[str], set[str]]:
    """Every sentence, and where a reason comes from elsewhere."""
    said, elsewhere = set(), set()
    for package in (api, store):
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            if file.name == "problems.py":  # where they are put into words
                continue
            tree = ast.parse(file.read_text("utf-8"))
            for call in ast.walk(tree):
                if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                    continue
                told = TOLD | ({"ValueError": 0} if package is api else {})  # of a body's field
                if (place := told.get(call.func.id)) is None:
                    continue
                text = sentence(call.args[place], tree)
                if text is None:
                    elsewhere.add(f"{file.name}: {ast.unparse(call.args[place])}")
                else:
                    said.add(text)
    return said, elsewhere


def test_every_reason_of_store_and_api_has_its_chinese() -> None:
    said, elsewhere = reasons()
    assert len(said) >= 30
    for text in said:
        chinese = in_chinese(text)
        assert re.search(r"[\u4e00-\u9fff]", chinese), text
        assert LATIN_WORDS.search(chinese) is None, text
        assert [part for part in re.findall(r"x\d+", text) if part not in chinese] == []
    assert elsewhere == ELSEWHERE


@pytest.mark.parametrize("kind", [*map(kind_of, _CHILDREN), "gateway", "user"])
def test_what_exists_already_or_has_children_is_called_by_its_chinese_name(kind: str) -> None:
    assert re.fullmatch(r"[\u4e00-\u9fff]{2} 'a' 已存在", in_chinese(f"{kind} 'a' exists already"))
    tables = {table for children in _CHILDREN.values() for table, _ in children}
    assert [table for table in tables if in_chinese(table) == table] == []


def test_a_problem_gives_its_reasons_in_the_language_asked_for() -> None:
    wrong = [FieldError("range.low", "range.low: must be a finite number")]
    field = Problem("invalid", errors=wrong)
    assert field.document("en").errors == wrong
    assert field.document("zh-CN").errors == (FieldError("range.low", "须为有限数字"),)
    taken = Problem("conflict", reason="zone 'exists {already}' exists already")
    assert taken.document("en").detail == "zone 'exists {already}' exists already"
    assert taken.document("zh-CN").detail == "区域 'exists {already}' 已存在"
    full = Problem(
        "journal_unavailable", reason="the journal failed: database or disk is full"
    ).document("zh-CN")
    assert "日志出错：磁盘已满" in full.detail
    assert "disk is full" not in full.detail


def test_a_reason_nobody_foresaw_is_shown_as_it_was_said() -> None:
    assert in_chinese("flux {capacitor} empty") == "flux {capacitor} empty"
