"""Why a field or a change is refused, in Chinese.

The store and the routes give the reason in English; `api/reasons.toml` has it in Chinese. What it
does not know (a server's own words, a text that is Chinese already) stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

NESTED: Final = ("kind", "children")
"""Parts of a reason that are words themselves: what exists already, what remains."""


def in_chinese(reason: str) -> str:
    for match, text in _table():
        if (found := match.fullmatch(reason)) is not None:
            parts = found.groupdict()
            parts |= {name: in_chinese(parts[name]) for name in NESTED if name in parts}
            return text.format(**parts)
    return reason


@cache
def _table() -> list[tuple[re.Pattern[str], str]]:
    data = resources.files("api").joinpath("reasons.toml").read_text("utf-8")
    kinds = tomllib.loads(data).values()
    return [(re.compile(kind["match"], re.DOTALL), kind["zh-CN"]) for kind in kinds]
