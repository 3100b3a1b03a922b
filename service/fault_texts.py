"""What a fault is called in both languages.

Ingest, the journal and the system say in English what is amiss; `service/faults.toml` has it in
Chinese. What it does not know is shown as it was said: a strange word is better than none.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

NESTED: Final = "why"
"""A part of a fault that is a fault itself."""


def fault_texts(reason: str) -> dict[str, str]:
    """The fault, by language (zh-CN, en)."""
    return {"zh-CN": in_chinese(reason), "en": reason}


def in_chinese(reason: str) -> str:
    for match, text in _table():
        if (found := match.fullmatch(reason)) is not None:
            parts = found.groupdict()
            if NESTED in parts:
                parts[NESTED] = in_chinese(parts[NESTED])
            return text.format(**parts)
    return reason


@cache
def _table() -> list[tuple[re.Pattern[str], str]]:
    data = resources.files("service").joinpath("faults.toml").read_text("utf-8")
    kinds = tomllib.loads(data).values()
    return [(re.compile(kind["match"], re.DOTALL), kind["zh-CN"]) for kind in kinds]
