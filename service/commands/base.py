"""What every command shares: the app, the data directory option, one-line errors."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from pydantic import ValidationError

from service import control
from service.commands.usage import OneLineGroup
from service.control import NoService, Refused
from service.settings import Settings, UnknownSetting

app = typer.Typer(
    name="vedette",
    cls=OneLineGroup,
    help="Vedette (前哨): watches gas, dust and power telemetry and warns in time.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Data directory, by which a running service is found; default: VEDETTE_DATA_DIR, "
        "else /var/lib/vedette as root, else ~/.local/share/vedette.",
    ),
]
LARGEST_PORT: Final = 65_535


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


def database_url(chosen: Settings) -> str:
    """The database of the service that runs on the data directory, else the configured one."""
    try:
        return control.find(chosen.data_dir).database_url
    except control.NoService:
        return chosen.database_url.get_secret_value()


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
    """Turn the service's refusals into one line: exit code 2 for what was asked wrong, else 1."""
    try:
        yield
    except Refused as error:
        fail(str(error), code=2 if error.status in control.WRONG_USE else 1)
    except NoService as error:
        fail(str(error))


@contextmanager
def failing_on(*kinds: type[Exception], code: int = 1) -> Iterator[None]:
    """Turn errors that say what to do into one line and an exit code; others keep their trace."""
    try:
        yield
    except kinds as error:
        fail(str(error), code=code)
    except ExceptionGroup as group:
        _, others = group.split(kinds)
        if others is not None:
            raise
        fail("; ".join(str(error) for error in _leaves(group)), code=code)


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
