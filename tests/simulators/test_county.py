from __future__ import annotations

import pytest

from domain.assets import ID_PATTERN
from domain.catalogue import catalogue
from simulators.county import county_registry


def test_the_default_county_has_the_size_of_a_real_one() -> None:
    county = county_registry()
    assert len(county.sites) == len(county.gateways) == 100
    assert len(county.sensors) == 1770
    of = {code: sum(s.measurand == code for s in county.sensors) for code in ("DC_DP", "PW_E")}
    assert of == {"DC_DP": 90, "PW_E": 60}
    assert 50 < sum(1 / s.period_s for s in county.sensors) < 75


def test_ten_times_the_sites_are_ten_times_the_points() -> None:
    assert len(county_registry(sites=1000).sensors) == 17_700


@pytest.mark.parametrize("sites", [1, 2, 7])
def test_a_county_may_be_tiny(sites: int) -> None:
    county = county_registry(sites=sites)
    assert len(county.sites) == sites
    assert len(county.sensors) >= sites


def test_a_county_without_sites_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one site, not 0"):
        county_registry(sites=0)


def test_one_seed_gives_one_county_and_another_another() -> None:
    assert county_registry(3) == county_registry(3)
    assert county_registry(3).enterprises != county_registry(4).enterprises


def test_every_row_points_at_a_row_that_exists() -> None:
    county = county_registry()
    regions = {region.id for region in county.regions}
    enterprises = {enterprise.id for enterprise in county.enterprises}
    sites = {site.id for site in county.sites}
    zones = {zone.id for zone in county.zones}
    gateways = {gateway.id for gateway in county.gateways}
    assert {r.parent for r in county.regions} <= regions | {None}
    assert {e.region for e in county.enterprises} <= regions
    assert {s.enterprise for s in county.sites} == enterprises
    assert {z.site for z in county.zones} <= sites
    assert {g.site for g in county.gateways} == sites
    assert {s.gateway for s in county.sensors} == gateways
    assert {s.zone for s in county.sensors} == zones
    assert set(county.shifts) == sites
    assert county.ordered_shut <= sites


def test_ids_and_tags_are_what_the_contract_allows() -> None:
    county = county_registry()
    ids = [
        row.id
        for rows in (
            county.regions, county.enterprises, county.sites, county.zones, county.gateways,
        )
        for row in rows
    ]  # fmt: skip
    assert all(ID_PATTERN.fullmatch(name) for name in ids)
    assert [sensor.id for sensor in county.sensors] == list(range(1, 1771))
    addresses = {(sensor.gateway, sensor.tag) for sensor in county.sensors}
    assert len(addresses) == len(county.sensors)


def test_every_point_is_a_measurand_of_the_catalogue_in_its_unit() -> None:
    known = catalogue()
    for sensor in county_registry().sensors:
        assert sensor.unit == known[sensor.measurand].unit
        assert sensor.name


def test_enterprises_have_names_of_their_own() -> None:
    county = county_registry()
    names = [enterprise.name for enterprise in county.enterprises]
    assert len(set(names)) >= 98
    assert all("一" <= name[0] <= "龥" for name in names)


def test_an_order_to_stop_is_a_pair_of_limits_on_the_production_circuit() -> None:
    county = county_registry()
    site_of = {gateway.id: gateway.site for gateway in county.gateways}
    production = [
        sensor
        for sensor in county.sensors
        if sensor.role == "PROD" and site_of[sensor.gateway] in county.ordered_shut
    ]
    assert len(production) == len(county.ordered_shut) == 3
    for sensor in production:
        low, high = county.limits[sensor.id]
        assert (low.level, high.level) == ("H", "HH")
        assert 0 < low.setpoint < high.setpoint < (sensor.range_high or 0)
        assert "停产" in low.source
