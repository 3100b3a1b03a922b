"""One line of `vedette doctor`: what was found and how to mend it; texts are in `findings.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from api.phrases import in_chinese

State = Literal["ok", "note", "warn", "fail"]
"""`note`: what cannot be seen from here, and where to look for it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `code` names its texts."""

    code: str
    state: State
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, locale: str) -> str:
        """What was found and, unless it is well, how to mend it."""
        values = self.values
        if locale == "zh-CN" and "reason" in values:
            values = values | {"reason": in_chinese(str(values["reason"]))}
        return _texts()[self.code][locale].format(**values)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("service").joinpath("findings.toml").read_text("utf-8"))
