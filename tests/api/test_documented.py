"""Examples in the document are of the shapes they stand for."""

from __future__ import annotations

import msgspec
import pytest

import api.routes  # noqa: F401 - its modules name their shapes
from api.documented import EXAMPLES, SHAPES, example_of, name_of
from api.problems import ProblemDocument

LEAVES = {
    name: shape
    for name, shape in {**SHAPES, "ProblemDocument": ProblemDocument}.items()
    if not getattr(shape, "__args__", None)
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_of_its_shape(name: str) -> None:
    shapes = {name_of(part): part for shape in SHAPES.values() for part in _parts(shape)}
    shape = (LEAVES | shapes)[name]
    msgspec.convert(EXAMPLES[name], type=shape, strict=True)


def _parts(shape: object) -> tuple[object, ...]:
    parts: tuple[object, ...] = getattr(shape, "__args__", ())
    return parts


@pytest.mark.parametrize("name", [n for n in SHAPES if n != "AlarmFrame"])
def test_every_answer_has_an_example(name: str) -> None:
    assert example_of(SHAPES[name]) is not None
