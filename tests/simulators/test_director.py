from __future__ import annotations

import io
from collections import Counter

import msgspec
import numpy as np
import pytest

from simulators.conduct import Conduct
from simulators.county import county_registry
from simulators.director import Director
from simulators.incidents import KINDS, World
from simulators.plant import Plant
from simulators.scenario import Happening, Scenario, ScenarioError, Where, built_in
from simulators.truth import Label, TruthFile

NOW_S = 1_795_406_400.0


def make_world(seed: int = 1) -> World:
    county = county_registry(seed)
    conducts = tuple(Conduct() for _ in county.gateways)
    return World(county, Plant(county, seed), conducts, np.random.default_rng(seed))


def labels(file: io.StringIO) -> list[Label]:
    return [msgspec.json.decode(line, type=Label) for line in file.getvalue().splitlines()]


def direct(scenario: Scenario, seconds: int, *, seed: int = 1) -> list[Label]:
    """Play a scenario without the plant's physics; returns the truth."""
    file = io.StringIO()
    director = Director(make_world(seed), [scenario], seed=seed, truth=TruthFile(file))
    for second in range(seconds):
        director.step(second, second * 1_000_000)
    director.finish(seconds * 1_000_000)
    return labels(file)


def test_every_begin_in_the_truth_has_its_end() -> None:
    truth = direct(built_in(), 4000)
    begun = [label.id for label in truth if label.event == "begin"]
    ended = [label.id for label in truth if label.event == "end"]
    assert len(begun) > 20
    assert sorted(begun) == sorted(ended)


def test_a_seed_repeats_the_truth_exactly_and_another_changes_it() -> None:
    assert direct(built_in(), 2500) == direct(built_in(), 2500)
    assert direct(built_in(), 2500) != direct(built_in(), 2500, seed=2)


def test_rounds_go_on_with_other_places_and_times() -> None:
    truth = direct(built_in(), 3 * 1200 + 300)
    leaks = [
        label
        for label in truth
        if label.kind == "gas_leak"
        and label.event == "begin"
        and label.zone is not None
        and 75 < label.numbers["peak"] < 95
    ]
    assert len(leaks) == 4
    assert len({label.zone for label in leaks}) == 4
    offsets = {label.at // 1000 - k * 1200 for k, label in enumerate(leaks)}
    assert len(offsets) > 1
    assert all(abs(offset - 12) <= 60 for offset in offsets)


def test_something_is_going_on_most_of_the_time() -> None:
    director = Director(make_world(), [built_in()], seed=1, truth=TruthFile())
    busy = 0
    for second in range(4800):
        director.step(second, 0)
        busy += bool(director.running)
    assert busy / 4800 > 0.6


def test_the_background_is_about_one_small_incident_per_100_points_and_day() -> None:
    calm = msgspec.structs.replace(built_in(), incident=())
    truth = [label for seed in (1, 2, 3) for label in direct(calm, 86_400, seed=seed)]
    per_day = sum(label.event == "begin" for label in truth) / 3
    assert 0.5 < per_day / 17.7 < 1.6


def test_nothing_happens_twice_at_one_place_at_a_time() -> None:
    crowded = Scenario(
        name="crowded",
        incident=tuple(
            Happening(kind="hot_joint", at_s=k, lasts_s=100, where=Where(among=2)) for k in range(5)
        ),
    )
    truth = direct(crowded, 50)
    begun = [(label.kind, label.site) for label in truth if label.event == "begin"]
    assert len(begun) == len(set(begun))


def test_a_place_that_does_not_exist_is_refused_at_once() -> None:
    nowhere = Scenario(
        name="nowhere",
        incident=(Happening(kind="gas_leak", lasts_s=1, where=Where(measurand="DC_DP")),),
    )
    with pytest.raises(ScenarioError, match="gas_leak fits no place"):
        Director(make_world(), [nowhere], seed=1, truth=TruthFile())


@pytest.mark.parametrize("sites", [1, 2, 5, 30])
def test_the_default_scenario_adapts_to_a_small_county(sites: int) -> None:
    county = county_registry(1, sites)
    conducts = tuple(Conduct() for _ in county.gateways)
    world = World(county, Plant(county, 1), conducts, np.random.default_rng(1))
    file = io.StringIO()
    director = Director(world, [built_in()], seed=1, truth=TruthFile(file))
    for second in range(2500):
        director.step(second, 0)
        world.plant.step(NOW_S + second)
        world.plant.show(NOW_S + second)
    assert labels(file)[0].kind == "gas_leak"


def test_a_named_sensor_is_struck() -> None:
    scenario = Scenario(
        name="named",
        incident=(Happening(kind="sensor_fault", lasts_s=5, where=Where(sensor="gw-001/g1.lel2")),),
    )
    (begin, end) = direct(scenario, 10)
    assert [(s.gateway, s.tag) for s in begin.sensors] == [("gw-001", "g1.lel2")]
    assert (begin.at, end.at) == (0, 5000)


def test_the_truth_tells_how_far_each_point_went() -> None:
    scenario = Scenario(
        name="leak",
        incident=(Happening(kind="gas_leak", lasts_s=120, where=Where(zone="s001-g1")),),
    )
    file = io.StringIO()
    world = make_world()
    director = Director(world, [scenario], seed=1, truth=TruthFile(file))
    for second in range(130):
        director.step(second, second * 1_000_000)
        world.plant.step(NOW_S + second)
        director.see(world.plant.true(NOW_S + second), second * 1_000_000)
    end = labels(file)[-1]
    highest = [shown.highest or 0 for shown in end.sensors]
    assert end.event == "end"
    assert len(highest) == 4
    assert max(highest) > 50


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_shows_while_it_lasts_and_leaves_nothing_behind(kind: str) -> None:
    scenario = Scenario(name="single", incident=(Happening(kind=kind, lasts_s=300),))
    world, untouched = make_world(), make_world()
    file = io.StringIO()
    director = Director(world, [scenario], seed=1, truth=TruthFile(file))
    shown_while = False
    for second in range(310):
        director.step(second, 0)
        for each in (world, untouched):
            each.plant.step(NOW_S + second)
        ours, theirs = world.plant.show(NOW_S + second), untouched.plant.show(NOW_S + second)
        faults = world.plant.faults
        shown_while |= (
            not np.array_equal(ours[0], theirs[0], equal_nan=True)
            or bool(faults.silent.any())
            or world.conducts != untouched.conducts
        )
    assert shown_while
    assert director.running == ()
    assert Counter(label.event for label in labels(file)) == {"begin": 1, "end": 1}
    assert world.conducts == untouched.conducts
    assert not world.plant.faults.silent.any()
    assert not world.plant.faults.broken.any()
    assert not world.plant.faults.drift.any()
    assert not world.plant.faults.spike.any()
    assert np.isnan(world.plant.faults.stuck).all()
    collectors, supplies = world.plant.collectors, world.plant.supplies
    assert not collectors.kept_running.any()
    assert not (collectors.smoulder_k.any())
    assert not (collectors.clogging.any())
    assert not collectors.lock_fault.any()
    assert (collectors.pump_share == 1).all()
    assert not (supplies.disobeying.any())
    assert not (supplies.leakage_ma.any())
    assert not (supplies.joint_k.any())
