"""The web's types are those of the service's own OpenAPI document."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "web/node_modules/openapi-typescript/bin/cli.js"
NODE = shutil.which("node", path=f"{ROOT / '.venv/node'}:{ROOT / '.venv/bin'}") or shutil.which(
    "node"
)


def shapes(types: str) -> str:
    """What the web uses of them: the shapes, without prose and examples."""
    inside = types.split("export interface components {")[1].split("export type $defs", maxsplit=1)[
        0
    ]
    return re.sub(r"\s+", " ", re.sub(r"/\*\*.*?\*/", "", inside, flags=re.DOTALL))


def test_the_types_of_the_web_are_made_from_the_openapi_document(tmp_path: Path) -> None:
    if NODE is None or not GENERATOR.exists():
        pytest.skip("no Node or no web/node_modules; run scripts/check once")
    document = tmp_path / "openapi.json"
    with document.open("wb") as out:
        subprocess.run([sys.executable, "-m", "api.openapi"], cwd=ROOT, stdout=out, check=True)
    made = tmp_path / "schema.d.ts"
    subprocess.run([NODE, GENERATOR, document, "-o", made], check=True, capture_output=True)
    assert shapes(made.read_text()) == shapes((ROOT / "web/src/api/schema.d.ts").read_text()), (
        "the API has changed; run: "
        ".venv/bin/python -m api.openapi > web/openapi.json && npm --prefix web run schema"
    )
