"""Every row of the catalogue is complete, consistent and says where it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from domain.catalogue import CERTAINTY_NAMES, DefaultLimit, Measurand, catalogue

ROWS = tuple(catalogue().values())
by_code = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
GAS = (
    "GAS_LEL GAS_LEL_OPEN GAS_O2 GAS_CO GAS_H2S GAS_NH3 GAS_CL2 GAS_SO2 GAS_NO2 GAS_HCN GAS_HF "
    "GAS_HCL GAS_COCL2 GAS_CH3OH GAS_C6H6 GAS_C7H8 GAS_C8H10 GAS_C2H4O GAS_C2H3CL GAS_CO2 GAS_H2 "
    "GAS_VOC VALVE_POS FAN_STATE DET_STATE GAS_PRESS"
)
DUST = (
    "DC_DP DC_TIN DC_THOP DC_CO DC_SPARK DC_LOCK DC_HLVL DC_HLVL_SW DC_VEL DC_FLOW DC_FANI DC_FANV "
    "DC_PULSE WC_LVL WC_FLOW WC_H2 DUST_WORK DUST_DUCT SUP_STATE ISO_STATE CLEAN_LOG"
)
POWER = (
    "PW_P PW_Q PW_S PW_E PW_UA PW_UB PW_UC PW_IA PW_IB PW_IC PW_IN PW_UBU PW_UBI PW_THDU PW_F PW_PF "
    "EF_RES EF_TEMP EF_ARC EQ_STATE"
)


def limit(code: str, level: str) -> DefaultLimit:
    (found,) = (limit for limit in catalogue()[code].limits if limit.level == level)
    return found


@pytest.mark.parametrize(("class_", "codes"), [("gas", GAS), ("dust", DUST), ("power", POWER)])
def test_each_class_has_its_measurands(class_: str, codes: str) -> None:
    assert [row.code for row in ROWS if row.class_ == class_] == codes.split()


def test_the_catalogue_is_read_once_and_cannot_be_changed() -> None:
    assert catalogue() is catalogue()
    with pytest.raises(TypeError):
        catalogue()["X"] = ROWS[0]  # type: ignore[index]


@by_code
def test_names_and_notes_exist_in_both_languages(row: Measurand) -> None:
    texts = [row.name, *(state.name for state in row.states), *([row.note] if row.note else [])]
    for text in texts:
        assert set(text) == {"zh-CN", "en"}
        assert re.search(r"[\u4e00-\u9fff]", text["zh-CN"])
        assert text["en"]
        assert not re.search(r"[\u4e00-\u9fff]", text["en"])


@by_code
def test_everything_has_a_source_and_a_certainty(row: Measurand) -> None:
    cited = [(row.source, row.certainty)]
    cited += [(limit.source, limit.certainty) for limit in row.limits]
    cited += [(limit.source, limit.certainty) for limit in row.relative_limits]
    for source, certainty in cited:
        assert source
        assert certainty in CERTAINTY_NAMES
        assert certainty != "found" or source != "Vedette"


@by_code
def test_limits_are_in_order_with_room_for_their_deadbands(row: Measurand) -> None:
    levels = [limit.level for limit in row.limits]
    assert levels == [level for level in ("HH", "H", "L", "LL") if level in levels]
    setpoints = [limit.setpoint for limit in row.limits]
    assert setpoints == sorted(set(setpoints), reverse=True)
    low = [limit.setpoint + limit.deadband for limit in row.limits if limit.level in ("L", "LL")]
    high = [limit.setpoint - limit.deadband for limit in row.limits if limit.level in ("H", "HH")]
    assert all(a < b for a in low for b in high), "no value would be normal"


@by_code
def test_limits_lie_within_the_range_so_that_full_scale_can_reach_them(row: Measurand) -> None:
    low = row.range_low if row.range_low is not None else -float("inf")
    high = row.range_high if row.range_high is not None else float("inf")
    assert low < high
    assert all(low <= limit.setpoint <= high for limit in row.limits)


@by_code
def test_delays_and_periods_are_sensible(row: Measurand) -> None:
    assert row.period_s > 0
    timed = [(limit.on_delay_s, limit.off_delay_s, limit.deadband) for limit in row.limits]
    timed += [
        (limit.on_delay_s, limit.off_delay_s, limit.deadband) for limit in row.relative_limits
    ]
    for on_delay_s, off_delay_s, deadband in timed:
        assert on_delay_s >= 0
        assert off_delay_s > 0
        assert deadband >= 0


@by_code
def test_states_belong_to_state_measurands_and_differ(row: Measurand) -> None:
    assert bool(row.states) == (row.kind == "state")
    numbers = [state.number for state in row.states]
    assert numbers == list(range(len(numbers)))
    assert len({state.key for state in row.states}) == len(numbers)
    words = sum(len({state.key, *state.name.values()}) for state in row.states)
    assert len(row.state_numbers) == words, "two states share a word"
    assert row.kind != "state" or (row.range_low, row.range_high) == (0, len(numbers) - 1)


def test_a_state_may_be_called_by_its_key_and_by_both_names() -> None:
    words = catalogue()["VALVE_POS"].state_numbers
    assert words["closed"] == words["关闭"] == 0.0
    assert words["open"] == words["开启"] == 1.0


def test_combustible_gas_alarms_at_the_highest_set_points_the_standard_permits() -> None:
    for code in ("GAS_LEL", "GAS_H2"):
        assert (limit(code, "H").setpoint, limit(code, "HH").setpoint) == (25, 50)
        assert limit(code, "H").source.startswith("GB/T 50493-2019 5.5.2")


def test_oxygen_alarms_on_both_sides() -> None:
    setpoints = {limit.level: limit.setpoint for limit in catalogue()["GAS_O2"].limits}
    assert setpoints == {"HH": 25, "H": 23.5, "L": 19.5, "LL": 18.0}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.exposure is not None], ids=lambda row: row.code
)
def test_toxic_limits_are_one_and_two_times_the_exposure_limit(row: Measurand) -> None:
    assert row.exposure is not None
    ppm = row.exposure.oel_mg_m3 / (row.exposure.molar_mass / 24.05)
    assert limit(row.code, "H").setpoint == pytest.approx(ppm, rel=0.03)
    assert limit(row.code, "HH").setpoint == pytest.approx(2 * ppm, rel=0.03)


@pytest.mark.parametrize(
    ("rows", "level", "timing"),
    [
        (lambda row: row.hazard and row.class_ == "gas", "HH", (0, 60)),
        (lambda row: row.hazard and row.class_ == "gas", "H", (10, 120)),
        (lambda row: row.code == "GAS_O2", "LL", (0, 60)),
        (lambda row: row.code == "DC_DP", "H", (60, 300)),
        (lambda row: row.unit == "°C", "H", (30, 300)),
        (lambda row: row.code in ("DC_SPARK", "EF_ARC"), "H", (0, 60)),
        (lambda row: row.code.startswith("PW_"), "H", (300, 900)),
        (lambda row: row.code == "EF_RES", "H", (60, 300)),
    ],
)
def test_default_timing_follows_the_class_of_signal(
    rows: Callable[[Measurand], object], level: str, timing: tuple[float, float]
) -> None:
    chosen = [row for row in ROWS if rows(row)]
    found = [limit for row in chosen for limit in row.limits if limit.level == level]
    assert found
    assert {(limit.on_delay_s, limit.off_delay_s) for limit in found} == {timing}


def test_limits_that_latch_are_those_a_person_must_reset() -> None:
    latched = {(row.code, limit.level) for row in ROWS for limit in row.limits if limit.latch}
    gas = {
        (row.code, "HH")
        for row in ROWS
        if row.class_ == "gas" and row.limits and row.code != "GAS_PRESS"
    }
    others = {"DC_THOP", "DC_CO", "DC_SPARK", "WC_H2", "SUP_STATE"}
    assert latched == gas | {("GAS_O2", "LL")} | {(code, "HH") for code in others}
