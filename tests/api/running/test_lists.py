"""What every list has in common: filters by parents and text, refused misspellings, pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.answers import cursor_text
from service.clock import now_us
from tests.api.running.service import House, eventually

LISTS = (
    "/regions",
    "/enterprises",
    "/sites",
    "/zones",
    "/gateways",
    "/sensors",
    "/alarms",
    "/catalogue",
    "/stats/coverage",
    "/stats/quality",
    "/stats/alarms",
)


def ids(client: httpx.Client, path: str, **query: str) -> set[Any]:
    answer = client.get(path, params={"limit": "5000"} | query)
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


@pytest.mark.parametrize("path", LISTS)
def test_a_misspelt_filter_is_refused_by_its_name(olga: httpx.Client, path: str) -> None:
    for language, words in (("en", "no such query parameter"), ("zh-CN", "没有此查询参数")):
        answer = olga.get(
            path, params={"sate": "open", "limit": 1}, headers={"Accept-Language": language}
        )
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert error["path"] == "sate"
        assert words in error["reason"]
        assert "limit" in error["reason"]


def test_a_misspelt_filter_of_one_thing_s_list_is_refused_too(
    house: House, olga: httpx.Client
) -> None:
    _, sensor, alarm = house.leak("acme-1")
    for path in (f"/sensors/{sensor['id']}/limits/changes", f"/alarms/{alarm['id']}/timeline"):
        assert olga.get(path, params={"order": "asc"}).status_code == 422


def test_strangers_are_told_to_sign_in_before_anything_else(house: House) -> None:
    assert httpx.get(f"{house.url}/api/v1/sites?sate=open").status_code == 401


def test_places_and_devices_are_found_by_region(house: House, olga: httpx.Client) -> None:
    here, there = house.box("acme-1"), house.box("bolt-1")
    one, other = house.sensor(here, "lel"), house.sensor(there, "lel")
    assert {"acme-1-a", "acme-2-a"} <= ids(olga, "/zones", region="north")
    assert "bolt-1-a" not in ids(olga, "/zones", region="north")
    gateways = ids(olga, "/gateways", region="north")
    assert here.id in gateways
    assert there.id not in gateways
    sensors = ids(olga, "/sensors", region="north")
    assert one["id"] in sensors
    assert other["id"] not in sensors
    for path in ("/zones", "/gateways", "/sensors"):
        assert ids(olga, path, region="county") == ids(olga, path)
        assert ids(olga, path, region="nowhere") == set()


def test_a_sensor_is_found_by_its_id_its_tag_and_its_name(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "quince.lel", name="榅桲探测器")
    for text in (str(sensor["id"]), "quince", "榅桲"):
        assert sensor["id"] in ids(olga, "/sensors", text=text, gateway=box.id), text
    assert olga.get("/sensors", params={"state": "alarmed"}).status_code == 422
    assert sensor["id"] in ids(olga, "/sensors", state="normal", gateway=box.id)


def pages(client: httpx.Client, path: str, limit: int, **query: str) -> list[list[Any]]:
    found, cursor = [], None
    while True:
        asked = {"limit": str(limit)} | query | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=asked).json()
        found.append(page["items"])
        cursor = page["next"]
        if cursor is None:
            return found


def test_changes_of_limits_page_newest_first(house: House, root: httpx.Client) -> None:
    path = f"/sensors/{house.sensor(house.box('acme-1'), 'lel')['id']}/limits"
    for setpoint in (10, 11, 12):
        body = {"limits": {"H": {"setpoint": setpoint}}, "reason": f"to {setpoint}"}
        assert root.put(path, json=body).status_code == 200
    found = pages(root, f"{path}/changes", 2)
    reasons = [item["reason"] for page in found for item in page]
    assert reasons[:3] == ["to 12", "to 11", "to 10"]
    assert all(len(page) <= 2 for page in found)
    for cursor in ("abc", cursor_text((-1,)), cursor_text((1 << 63,))):
        assert root.get(f"{path}/changes", params={"cursor": cursor}).status_code == 400


def test_a_timeline_cut_keeps_the_newest_and_leads_back(house: House, olga: httpx.Client) -> None:
    _, _, alarm = house.leak("acme-1")
    path = f"/alarms/{alarm['id']}"
    for n in range(4):
        olga.post(f"{path}/comment", json={"note": f"note {n}"})
    whole = olga.get(f"{path}/timeline").json()
    assert whole["next"] is None
    newest, middle, oldest = pages(olga, f"{path}/timeline", 2)
    assert [item["note"] for item in newest] == ["note 2", "note 3"]
    assert oldest + middle + newest == whole["items"]
    for cursor in ("abc", "WzEsMl0x", cursor_text((1 << 63, 0))):
        assert olga.get(f"{path}/timeline", params={"cursor": cursor}).status_code == 400


def test_figures_page(house: House, olga: httpx.Client) -> None:
    for site in ("acme-1", "bolt-1"):
        house.leak(site)
    eventually(lambda: len(olga.get("/stats/quality").json()["items"]) >= 2)
    for path in ("/stats/coverage", "/stats/quality", "/stats/alarms"):
        span = {} if path == "/stats/coverage" else {"until": "2100-01-01T00:00:00Z"}
        if span:
            span["since"] = "2020-01-01T00:00:00Z"

        def paged(path: str = path, span: dict[str, str] = span) -> bool:
            whole = olga.get(path, params=span).json()
            joined = [item for page in pages(olga, path, 1, **span) for item in page]
            return whole["next"] is None and joined == whole["items"] != []

        eventually(paged)  # what others sent may be heard while the pages are turned


def test_the_hour_that_runs_is_in_the_figures_of_quality(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "fresh")
    box.post([{"s": "fresh", "v": 1}, {"s": "fresh", "v": 2, "q": "U", "ts": now_us() / 1000 - 9}])
    row = eventually(
        lambda: next(
            (
                item
                for item in olga.get("/stats/quality").json()["items"]
                if item["sensor"] == sensor["id"]
            ),
            None,
        )
    )
    assert (row["readings"], row["usable"], row["good"]) == (2, 1.0, 0.5)


def test_a_new_level_takes_from_the_catalogue_what_is_left_out(
    house: House, root: httpx.Client
) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel", limits={"HH": None, "H": {"setpoint": 20, "deadband": 5}})
    path = f"/sensors/{sensor['id']}/limits"
    body = {"limits": {"HH": {"setpoint": 40}, "H": {"setpoint": 21}}, "reason": "as it was"}
    made = root.put(path, json=body).json()["limits"]
    assert made["HH"] | {"source": ""} == {
        "setpoint": 40,
        "deadband": 2,
        "on_delay_s": 0,
        "off_delay_s": 60,
        "latch": True,
        "source": "",
    }
    assert made["HH"]["source"] == "root"
    assert made["H"]["deadband"] == 5
