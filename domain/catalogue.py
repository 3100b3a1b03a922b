"""The catalogue of measurands: what gas, dust and power sensors measure, and their default limits.

The rows are data (`catalogue.toml`), each with its source and how sure it is, because standards,
editions and counties disagree: nothing here is a constant of the program. A sensor's own settings
come before the catalogue's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal

import msgspec

Locale = Literal["zh-CN", "en"]
Names = Mapping[Locale, str]
Certainty = Literal["found", "computed", "memory", "unsure", "ours"]
Level = Literal["HH", "H", "L", "LL"]

CERTAINTY_NAMES: Final[Mapping[Certainty, Names]] = MappingProxyType(
    {
        "found": {"zh-CN": "见于公开文本", "en": "read in a published text"},
        "computed": {"zh-CN": "由公开数值换算", "en": "worked out from a published number"},
        "memory": {"zh-CN": "凭记忆，待核对", "en": "from memory, to be checked"},
        "unsure": {"zh-CN": "存疑，使用前须核对", "en": "doubtful, check before use"},
        "ours": {"zh-CN": "本系统建议值", "en": "our own recommendation"},
    }
)


class StateOfMeasurand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One state of a state-kind measurand; `number` is what is stored."""

    key: str
    number: float
    name: Names
    quality: Literal["U", "B", "C", "M"] | None = None
    """What this state says about the detector's own reading; None if nothing."""


class DefaultLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit a sensor gets unless somebody sets others; in the measurand's unit."""

    level: Level
    setpoint: float
    deadband: float
    on_delay_s: float
    off_delay_s: float
    latch: bool
    source: str
    certainty: Certainty


class RelativeLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit as a fraction of what only the site knows; the deadband is a fraction of it too."""

    level: Level
    fraction: float
    of: Literal["design", "rated", "nominal", "learned", "mec"]
    deadband: float
    on_delay_s: float
    off_delay_s: float
    source: str
    certainty: Certainty


class Exposure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Occupational limits of a toxic gas, mg/m³ (GBZ 2.1), from which its ppm limits follow."""

    basis: Literal["MAC", "PC-TWA"]
    oel_mg_m3: float
    molar_mass: float
    """g/mol."""
    stel_mg_m3: float | None = None
    idlh_mg_m3: float | None = None
    certainty: Certainty


class Measurand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the catalogue. A range end is None where the site's equipment decides it."""

    code: str
    name: Names
    class_: Literal["gas", "dust", "power"] = msgspec.field(name="class")
    kind: Literal["analog", "state", "counter"]
    unit: str
    period_s: float
    """Expected time between readings; states are sent on change, and at least this often."""
    source: str
    certainty: Certainty
    """Of name, unit, range and period; every limit has its own."""
    hazard: Literal["combustible", "toxic", "oxygen"] | None = None
    """A toxic alarm goes before a combustible one of the same level (GB/T 50493-2019 3.0.2)."""
    range_low: float | None = None
    range_high: float | None = None
    states: tuple[StateOfMeasurand, ...] = ()
    limits: tuple[DefaultLimit, ...] = ()
    relative_limits: tuple[RelativeLimit, ...] = ()
    exposure: Exposure | None = None
    note: Names | None = None

    @property
    def state_numbers(self) -> Mapping[str, float]:
        """Numbers of the states by everything a gateway may call them: key, zh-CN or en name."""
        return {
            word: state.number
            for state in self.states
            for word in (state.key, *state.name.values())
        }


class _Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    measurand: tuple[Measurand, ...]


@cache
def catalogue() -> Mapping[str, Measurand]:
    """All measurands by code, in the order of the file; read once."""
    text = resources.files("domain").joinpath("catalogue.toml").read_text(encoding="utf-8")
    rows = msgspec.convert(tomllib.loads(text), type=_Catalogue).measurand
    return MappingProxyType({row.code: row for row in rows})
