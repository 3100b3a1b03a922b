"""Scenario files: what happens when, in text that a safety engineer can write.

A file has a name, titles, and incidents with a time, a kind, a place and numbers. A scenario may
run in rounds; later rounds choose other places from the same few and shift the times a little. Its
background is a rate of small incidents that belong to everyday life. See docs/simulator.md.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from simulators.incidents import KINDS

Number = float | bool | tuple[float, float]
"""A number, or the two ends of a range to draw from."""

DEFAULT: Final = "county-day"


class ScenarioError(Exception):
    """A scenario file cannot be used; the text says which file and why. Its author's to mend."""


class Where(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which places fit; a field left out fits all.

    `among` keeps so many of them, chosen once by the seed: rounds take turns in those. `sensor` is
    written as `gateway/tag`.
    """

    site_kind: str | None = None
    zone_kind: str | None = None
    measurand: str | None = None
    site: str | None = None
    zone: str | None = None
    gateway: str | None = None
    sensor: str | None = None
    among: int | None = None


class Happening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One incident to come. `at_s` counts from the start of the round; the background has none."""

    kind: str
    lasts_s: Number
    at_s: float = 0.0
    every: int = 1
    """Happens in every so-manieth round, the first included."""
    where: Where = Where()
    numbers: dict[str, Number] = {}
    zh: str = ""
    en: str = ""


class Background(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    per_100_points_per_day: float
    incident: tuple[Happening, ...]


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario. `round_s` None: it happens once."""

    name: str
    zh: str = ""
    en: str = ""
    round_s: float | None = None
    jitter_s: float = 0.0
    """Later rounds shift each incident by up to so much, later or earlier."""
    adapts: bool = False
    """Leaves out what fits no place of the county, instead of being refused."""
    incident: tuple[Happening, ...] = ()
    background: Background | None = None


def built_in(name: str = DEFAULT) -> Scenario:
    """A scenario of the package by its name.

    Raises:
        ScenarioError: there is none of that name.
    """
    file = resources.files("simulators").joinpath("scenarios", f"{name}.toml")
    if not file.is_file():
        raise ScenarioError(
            f"there is no built-in scenario {name!r}; there are {', '.join(built_in_names())}"
        )
    return parse(file.read_text("utf-8"), source=f"{name}.toml")


def built_in_names() -> list[str]:
    """Names of the scenarios of the package."""
    folder = resources.files("simulators").joinpath("scenarios")
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def load(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: it cannot be read or is not a scenario.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return parse(text, source=str(path))


def parse(text: str, *, source: str) -> Scenario:
    """Read a scenario from text; `source` names it in errors.

    Raises:
        ScenarioError: it is not TOML, not a scenario, or names an unknown kind or number.
    """
    try:
        read: dict[str, Any] = tomllib.loads(text)
        scenario = msgspec.convert(read, Scenario)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{source}: {error}") from error
    background = scenario.background.incident if scenario.background else ()
    for happening in (*scenario.incident, *background):
        _check(happening, source)
    if scenario.round_s is not None and scenario.round_s <= 0:
        raise ScenarioError(
            f"{source}: round_s must be above 0; leave it out for a scenario that happens once"
        )
    return scenario


def _check(happening: Happening, source: str) -> None:
    kind = KINDS.get(happening.kind)
    if kind is None:
        raise ScenarioError(
            f"{source}: unknown kind {happening.kind!r}; known are {', '.join(KINDS)}"
        )
    unknown = sorted(set(happening.numbers) - set(kind.numbers))
    if unknown:
        raise ScenarioError(
            f"{source}: {happening.kind} has no number {unknown[0]!r}; it has {', '.join(kind.numbers) or 'none'}"
        )
    if happening.every < 1:
        raise ScenarioError(f"{source}: `every` of {happening.kind} must be at least 1")
