"""Writes docs/settings.md from service/settings.py, where every setting has its description.

Run `.venv/bin/python scripts/settings_page.py` after changing a setting; tests/test_docs.py
compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
HEAD = """\
# Settings

<!-- Written by scripts/settings_page.py from service/settings.py; edit there. -->

A setting comes from, in this order: an option of the command, the environment variable, the TOML
file that `VEDETTE_CONFIG` names, the default. In the TOML file its name is the lower-case one:

```toml
# VEDETTE_CONFIG=/etc/vedette/vedette.toml
database_url = "postgresql://vedette:PASSWORD@db.example.org/vedette"
raw_days = 400
```

A name that does not exist or a value out of its range is refused at the start, with a line that
says which. Limits, rules, users and everything else people edit while it runs are no settings: they
live in the database.

| Environment variable | TOML | Default | What it sets |
|---|---|---|---|
"""
TAIL = """
## Variables that are no settings

| Environment variable | What it does |
|---|---|
| `VEDETTE_CONFIG` | Path of the TOML file. |
| `VEDETTE_TEST_DATABASE_URL` | Tests run against this PostgreSQL server (TimescaleDB included) instead of an embedded one. |
| `VEDETTE_TEST_LONG` | `1`: tests that kill things do so twelve times in a minute instead of four in twenty seconds. |
"""
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def rows(fields: dict[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        text = " ".join((field.description or "").split())
        if remark := "; ".join(bounds(field)):
            text += f" ({remark})"
        cells = (f"`VEDETTE_{name.upper()}`", f"`{name}`", default(field), text)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "see right"
    value = field.default
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value}`"


def bounds(field: FieldInfo) -> Iterator[str]:
    if get_origin(field.annotation) is Literal:
        yield "one of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    for rule in field.metadata:
        if known := BOUNDS.get(type(rule)):
            sign, attribute = known
            yield f"{sign} {getattr(rule, attribute):,}"


def page() -> str:
    """The whole page, as it should stand in docs/settings.md."""
    sys.path.insert(0, str(ROOT))
    from service.settings import Settings  # noqa: PLC0415 - the checkout, wherever we are started

    return HEAD + "".join(rows(Settings.model_fields)) + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
