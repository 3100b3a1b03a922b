"""`vedette` as a user types it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    code: int
    output: str
    errors: str

    def refused(self, code: int, *words: str) -> None:
        """The command ended with one line that says these words, and with no trace."""
        assert self.code == code, self.errors
        assert "Traceback" not in self.errors, self.errors
        told = [line for line in self.errors.splitlines() if line.startswith("vedette: ")]
        assert len(told) == 1, self.errors
        for word in words:
            assert word in told[0], told[0]


def vedette(
    *arguments: str, given: str = "", variables: Mapping[str, str | None] | None = None
) -> Result:
    """Run a command to its end; variables with None are taken out of the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        input=given,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(variables or {}),
    )
    return Result(done.returncode, done.stdout, done.stderr)


def environment(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Ours, with what a test sets; a wide terminal, so that tables are not folded."""
    merged = {**os.environ, "COLUMNS": "200", **variables}
    return {name: value for name, value in merged.items() if value is not None}
