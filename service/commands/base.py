"""What every command shares: the app, the data directory option, one-line errors."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from service.control import NoService, Refused
from service.settings import Settings, UnknownSetting

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
    print(f"vedette: {' | '.join(message.splitlines())}", file=sys.stderr)
    raise typer.Exit(code)


def settings(**overrides: Any) -> Settings:
    """Settings with the command line's own values on top; wrong ones end the command (2)."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.read(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'settings'}: {_reason(item)}"
            for item in error.errors(include_url=False, include_input=False)
        )
        fail(f"{wrong} (see docs/settings.md)", code=2)
    except UnknownSetting as error:
        fail(f"{error} (see docs/settings.md)", code=2)
    except (OSError, ValueError) as error:  # tomllib's errors and bad UTF-8 are ValueErrors
        fail(f"the settings file that VEDETTE_CONFIG names cannot be read: {error}", code=2)


def _reason(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "there is no such setting"
    return str(item["msg"]).removeprefix("Value error, ")


def made_data_dir(chosen: Settings, *, mode: int) -> None:
    """Make the data directory, or end the command with a line that says why it cannot be (1)."""
    path = chosen.data_dir
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        fail(
            f"the data directory {path} cannot be used: {error.strerror}; choose another with "
            "--data-dir or VEDETTE_DATA_DIR"
        )


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
