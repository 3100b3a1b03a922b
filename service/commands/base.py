"""What every command shares: the app, the data directory option, one-line errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from service.control import NoService, Refused
from service.settings import Settings

app = typer.Typer(
    name="vedette",
    help="Vedette (前哨): watches gas, dust and power telemetry and warns in time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of the service (default: see docs/settings.md)."),
]


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with one line on standard error."""
    print(f"vedette: {message}", file=sys.stderr)
    raise typer.Exit(code)


def settings(**overrides: Any) -> Settings:
    """Settings with the command line's own values on top; wrong ones end the command (2)."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'settings'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        fail(f"{wrong} (see docs/settings.md)", code=2)
    except OSError as error:
        fail(f"the settings file cannot be read: {error}", code=2)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn the service's refusals into one line and exit code 1."""
    try:
        yield
    except (NoService, Refused) as error:
        fail(str(error))


@contextmanager
def failing_on(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors that say what to do into one line and exit code 1; others keep their trace."""
    try:
        yield
    except kinds as error:
        fail(str(error))
    except ExceptionGroup as group:
        _, others = group.split(kinds)
        if others is not None:
            raise
        fail("; ".join(str(error) for error in _leaves(group)))


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
