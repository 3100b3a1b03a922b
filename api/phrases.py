"""What the floors below say in English, in Chinese.

Why a field or a change is refused stands in `api/reasons.toml`, what is amiss with broker, journal or
disk in `api/faults.toml`. What neither knows (a server's own words, a text that is Chinese already) is
shown as it was said: a strange word is better than none.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

TABLES: Final = ("reasons.toml", "faults.toml")
NESTED: Final = ("kind", "children", "why")
"""Parts of a phrase that are phrases themselves: what exists already, what remains, the cause."""


def in_both(phrase: str) -> dict[str, str]:
    """The phrase by language (zh-CN, en)."""
    return {"zh-CN": in_chinese(phrase), "en": phrase}


def in_chinese(phrase: str) -> str:
    for match, text in _table():
        if (found := match.fullmatch(phrase)) is not None:
            parts = found.groupdict()
            parts |= {name: in_chinese(parts[name]) for name in NESTED if name in parts}
            return text.format(**parts)
    return phrase


@cache
def _table() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(kind["match"], re.DOTALL), kind["zh-CN"])
        for name in TABLES
        for kind in tomllib.loads(resources.files("api").joinpath(name).read_text("utf-8")).values()
    ]
