"""The kinds of incident a scenario can name, and what each does to plant, sensors or gateways.

An incident is begun once, advanced every second with its age, and ended once. All its numbers come
from the scenario file, drawn before it begins. It also knows which points its cause shows on: that
is the label in the truth file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from simulators.conduct import Conduct
from simulators.county import County
from simulators.plant import Plant

Target = Literal["detector", "collector", "supply", "order", "sensor", "analog", "gateway"]
"""What an incident of a kind happens to; an order is the supply of a firm that must stop,
an analog one any sensor whose value is a quantity."""


@dataclass(frozen=True, slots=True)
class World:
    """What incidents act on. `conducts` has one entry a gateway, in the county's order."""

    county: County
    plant: Plant
    conducts: tuple[Conduct, ...]
    rng: np.random.Generator


Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of incident.

    Attributes:
        target: what it happens to; `begin`, `advance` and `end` get the target's row (of the
            sensor, collector, supply or gateway; a detector by its sensor row).
        numbers: names of the numbers a scenario may give, with their defaults.
        measurands: whose points show it, within the target's zone; empty = the target sensor.
    """

    target: Target
    numbers: Numbers
    measurands: frozenset[str]
    begin: Callable[[World, int, Numbers], None]
    advance: Callable[[World, int, Numbers, float], None]
    end: Callable[[World, int], None]


def _nothing(_world: World, _row: int, _numbers: Numbers, _age_s: float) -> None:
    """Nothing changes while it lasts."""


def _begin_nothing(_world: World, _row: int, _numbers: Numbers) -> None:
    """Everything happens while it lasts."""


def _leak(world: World, row: int, numbers: Numbers) -> None:
    world.plant.gas.leak(
        world.plant.detector_of[row],
        peak=numbers["peak"],
        rise_s=numbers["rise_s"],
        interlock_works=bool(numbers["interlock_works"]),
        rng=world.rng,
    )


def _seal(world: World, row: int) -> None:
    world.plant.gas.seal(world.plant.detector_of[row])


def _run_collector(world: World, row: int, _numbers: Numbers) -> None:
    world.plant.collectors.kept_running[row] = True


def _smoulder(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    grown = np.expm1(3 * min(age_s / numbers["rise_s"], 1.0)) / np.expm1(3.0)
    world.plant.collectors.smoulder_k[row] = numbers["heat_k"] * grown


def _extinguish(world: World, row: int) -> None:
    world.plant.collectors.smoulder_k[row] = 0.0
    world.plant.collectors.kept_running[row] = False


def _clog(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    world.plant.collectors.clogging[row] = numbers["drag"] * min(age_s / numbers["rise_s"], 1.0)


def _change_bags(world: World, row: int) -> None:
    world.plant.collectors.clogging[row] = 0.0
    world.plant.collectors.kept_running[row] = False


def _jam(world: World, row: int, numbers: Numbers) -> None:
    _run_collector(world, row, numbers)
    world.plant.collectors.lock_fault[row] = True


def _unjam(world: World, row: int) -> None:
    world.plant.collectors.lock_fault[row] = False
    world.plant.collectors.kept_running[row] = False


def _weaken_pump(world: World, row: int, numbers: Numbers) -> None:
    _run_collector(world, row, numbers)
    world.plant.collectors.pump_share[row] = numbers["share"]


def _mend_pump(world: World, row: int) -> None:
    world.plant.collectors.pump_share[row] = 1.0
    world.plant.collectors.kept_running[row] = False


def _disobey(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    world.plant.supplies.disobeying[row] = numbers["share"] * min(age_s / numbers["rise_s"], 1.0)


def _obey(world: World, row: int) -> None:
    world.plant.supplies.disobeying[row] = 0.0


def _damage_cable(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    world.plant.supplies.leakage_ma[row] = numbers["leakage_ma"] * min(
        age_s / numbers["rise_s"], 1.0
    )


def _mend_cable(world: World, row: int) -> None:
    world.plant.supplies.leakage_ma[row] = 0.0


def _loosen_joint(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    world.plant.supplies.joint_k[row] = numbers["heat_k"] * min(age_s / numbers["rise_s"], 1.0)


def _tighten_joint(world: World, row: int) -> None:
    world.plant.supplies.joint_k[row] = 0.0


def _drift(world: World, row: int, numbers: Numbers, age_s: float) -> None:
    world.plant.faults.drift[row] = numbers["per_minute"] * age_s / 60


def _recalibrate(world: World, row: int) -> None:
    world.plant.faults.drift[row] = 0.0


def _stick(world: World, row: int, numbers: Numbers) -> None:
    world.plant.faults.stuck[row] = numbers["value"]


def _free(world: World, row: int) -> None:
    world.plant.faults.stuck[row] = np.nan


def _spike(world: World, row: int, numbers: Numbers) -> None:
    world.plant.faults.spike[row] = numbers["height"]


def _calm(world: World, row: int) -> None:
    world.plant.faults.spike[row] = 0.0


def _break_sensor(world: World, row: int, _numbers: Numbers) -> None:
    world.plant.faults.broken[row] = True


def _mend_sensor(world: World, row: int) -> None:
    world.plant.faults.broken[row] = False


def _unplug(world: World, row: int, _numbers: Numbers) -> None:
    world.plant.faults.silent[row] = True


def _plug_in(world: World, row: int) -> None:
    world.plant.faults.silent[row] = False


def _cut_line(world: World, row: int, _numbers: Numbers) -> None:
    world.conducts[row].offline = True


def _restore_line(world: World, row: int) -> None:
    world.conducts[row].offline = False


def _set_clock(world: World, row: int, numbers: Numbers) -> None:
    world.conducts[row].clock_offset_us = round(numbers["offset_s"] * 1e6)


def _mend_clock(world: World, row: int) -> None:
    world.conducts[row].clock_offset_us = 0


def _stutter(world: World, row: int, numbers: Numbers) -> None:
    world.conducts[row].repeat = numbers["repeat"]
    world.conducts[row].reorder = numbers["reorder"]


def _speak_clearly(world: World, row: int) -> None:
    world.conducts[row].repeat = 0.0
    world.conducts[row].reorder = 0.0


_HEAT: Final = frozenset({"DC_THOP", "DC_CO"})
_ONE: Final[frozenset[str]] = frozenset()

KINDS: Final[Mapping[str, Kind]] = {
    "gas_leak": Kind(
        "detector",
        {"peak": 85.0, "rise_s": 80.0, "interlock_works": 1.0},
        _ONE,
        _leak,
        _nothing,
        _seal,
    ),
    "smouldering": Kind(
        "collector",
        {"heat_k": 55.0, "rise_s": 240.0},
        _HEAT,
        _run_collector,
        _smoulder,
        _extinguish,
    ),
    "clogging": Kind(
        "collector",
        {"drag": 2.4, "rise_s": 600.0},
        frozenset({"DC_DP"}),
        _run_collector,
        _clog,
        _change_bags,
    ),
    "lock_fault": Kind("collector", {}, frozenset({"DC_LOCK"}), _jam, _nothing, _unjam),
    "pump_failure": Kind(
        "collector", {"share": 0.5}, frozenset({"WC_FLOW"}), _weaken_pump, _nothing, _mend_pump
    ),
    "order_disobeyed": Kind(
        "order",
        {"share": 0.6, "rise_s": 60.0},
        frozenset({"PW_P"}),
        _begin_nothing,
        _disobey,
        _obey,
    ),
    "leakage": Kind(
        "supply",
        {"leakage_ma": 300.0, "rise_s": 120.0},
        frozenset({"EF_RES"}),
        _begin_nothing,
        _damage_cable,
        _mend_cable,
    ),
    "hot_joint": Kind(
        "supply",
        {"heat_k": 90.0, "rise_s": 300.0},
        frozenset({"EF_TEMP"}),
        _begin_nothing,
        _loosen_joint,
        _tighten_joint,
    ),
    "sensor_drift": Kind("analog", {"per_minute": 1.0}, _ONE, _begin_nothing, _drift, _recalibrate),
    "sensor_stuck": Kind("analog", {"value": 12.3}, _ONE, _stick, _nothing, _free),
    "sensor_spikes": Kind("analog", {"height": 30.0}, _ONE, _spike, _nothing, _calm),
    "sensor_fault": Kind("sensor", {}, _ONE, _break_sensor, _nothing, _mend_sensor),
    "sensor_dropout": Kind("sensor", {}, _ONE, _unplug, _nothing, _plug_in),
    "gateway_offline": Kind("gateway", {}, _ONE, _cut_line, _nothing, _restore_line),
    "gateway_clock": Kind("gateway", {"offset_s": 120.0}, _ONE, _set_clock, _nothing, _mend_clock),
    "gateway_stutter": Kind(
        "gateway", {"repeat": 0.3, "reorder": 0.3}, _ONE, _stutter, _nothing, _speak_clearly
    ),
}
"""Every kind a scenario file may name."""
