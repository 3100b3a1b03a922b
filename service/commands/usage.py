"""What is typed wrong is told in one line: what, which, and what to do; exit code 2.

The parser of typer would print a usage line, a hint and a panel instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

PROGRAM = "vedette"


class OneLineGroup(TyperGroup):
    """The root of the commands."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run a command and leave with its exit code."""
        del prog_name, standalone_mode
        given = list(sys.argv[1:] if args is None else args)
        try:
            outcome = super().main(
                given or ["--help"],
                PROGRAM,  # also where it was started as a module
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.TyperException as error:
            print(f"{PROGRAM}: {_told(error)}", file=sys.stderr)
            sys.exit(error.exit_code)
        except typer.Abort:
            print(f"{PROGRAM}: the input ended before the answer came", file=sys.stderr)
            sys.exit(2)
        # A command that ends by typer.Exit comes back with its code, others with None.
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _told(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = PROGRAM if context is None else str(context.command_path)
    command = path.removeprefix(PROGRAM).strip()
    reason = " ".join(error.format_message().split()).rstrip(".")
    reason = reason.replace("Input should be", "must be").partition(", unable to parse")[0]
    reason = reason[:1].lower() + reason[1:]
    known = getattr(getattr(context, "command", None), "commands", None)
    choices = f"; choose from {', '.join(known)}" if known and "command" in reason else ""
    return f"{f'{command}: ' if command else ''}{reason}{choices} (see `{path} --help`)"
