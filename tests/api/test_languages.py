"""A reader gets the language he prefers of the two we have."""

from __future__ import annotations

import string

import pytest

from api.languages import preferred
from api.problem_texts import PROBLEMS


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh", "zh-CN"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr,zh-TW;q=0.7,en;q=0.3", "zh-CN"),
        ("fr", "en"),
        ("zh;q=nonsense,en;q=0.1", "en"),
    ],
)
def test_accept_language(header: str | None, language: str) -> None:
    assert preferred(header) == language


@pytest.mark.parametrize("slug", PROBLEMS)
def test_every_problem_says_the_same_in_both_languages(slug: str) -> None:
    blanks = []
    for language in ("zh-CN", "en"):
        title, detail = PROBLEMS[slug].in_language(language)
        assert title
        assert detail
        blanks.append({name for _, name, _, _ in string.Formatter().parse(detail) if name})
    assert blanks[0] == blanks[1] or not blanks[1] - blanks[0]
    assert 400 <= PROBLEMS[slug].status < 600
