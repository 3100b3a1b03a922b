"""What bodies of changes have in common: strict fields, ids, and how a patch meets its object."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.assets import ID_PATTERN

S = TypeVar("S", bound=msgspec.Struct)

BodyId = Annotated[str, Field(pattern=f"^{ID_PATTERN.pattern}$", examples=["xx-chem"])]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["示例化工"])]


class Body(BaseModel):
    """A body with an unknown field is refused: a misspelt field must not pass for done.

    So is a text with a NUL in it, which PostgreSQL cannot keep.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("must not contain NUL")
        return value


def patched(kept: S, patch: Body) -> S:
    """The object with the fields that were given, also those given as null."""
    given: dict[str, Any] = {name: getattr(patch, name) for name in patch.model_fields_set}
    return msgspec.structs.replace(kept, **given)
