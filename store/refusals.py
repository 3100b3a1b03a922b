"""Why a change people asked for was not made. Each says what, which, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class Refused(Exception):
    """Base of the refusals; raise one of the others."""


class NotFound(Refused):
    """What is to be changed or pointed at does not exist (any more)."""

    def __init__(self, kind: str, id_: object) -> None:
        super().__init__(f"there is no {kind} {id_!r}")
        self.kind = kind
        self.id = id_


class Conflict(Refused):
    """It stands against something that exists: a taken id or address, children that remain."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Invalid(Refused):
    """A field's value cannot be.

    Attributes:
        field: Path of the field, e.g. `limits.HH.setpoint`.
        reason: What is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@contextmanager
def refusing(taken: str) -> Iterator[None]:
    """Turn the database's refusal of a key that is taken into `Conflict(taken)`."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise Conflict(taken) from error
