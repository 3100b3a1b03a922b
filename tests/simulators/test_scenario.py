from __future__ import annotations

from pathlib import Path

import pytest

from simulators.scenario import Scenario, ScenarioError, built_in, built_in_names, load, parse

LEAK = """
name = "one"
[[incident]]
at_s = 5
kind = "gas_leak"
lasts_s = [10, 20]
where = { measurand = "GAS_LEL" }
numbers = { peak = 60 }
"""


@pytest.mark.parametrize("name", built_in_names())
def test_every_built_in_scenario_can_be_read(name: str) -> None:
    scenario = built_in(name)
    assert scenario.name == name
    assert scenario.zh
    assert scenario.en
    assert all(happening.zh and happening.en for happening in scenario.incident)


def test_the_default_one_has_a_leak_smouldering_and_a_disobeyed_order() -> None:
    kinds = [happening.kind for happening in built_in().incident[:3]]
    assert kinds == ["gas_leak", "smouldering", "order_disobeyed"]


def test_a_scenario_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(LEAK, "utf-8")
    assert load(path) == parse(LEAK, source="text")
    assert parse(LEAK, source="text").incident[0].lasts_s == (10.0, 20.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "text: "),
        ("title = 'x'", "text: Object contains unknown field `title`"),
        (LEAK.replace("gas_leak", "flood"), "text: unknown kind 'flood'; known are gas_leak"),
        (LEAK.replace("peak", "height"), "text: gas_leak has no number 'height'; it has peak"),
        (LEAK.replace("lasts_s", "lasts"), "unknown field `lasts`"),
        (LEAK + "every = 0\n", "`every` of gas_leak must be at least 1"),
        ("round_s = 0\n" + LEAK, "round_s must be above 0"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text, source="text")
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"missing\.toml: cannot be read"):
        load(tmp_path / "missing.toml")


def test_an_unknown_built_in_name_lists_those_there_are() -> None:
    with pytest.raises(ScenarioError, match="there are county-day"):
        built_in("nowhere")


def test_a_scenario_that_happens_once_needs_no_round() -> None:
    scenario: Scenario = parse(LEAK, source="text")
    assert scenario.round_s is None
