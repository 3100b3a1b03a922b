"""Alarms on the running service: acts that win or lose, timelines without gaps, filters."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.api.running.service import House, eventually


def test_an_alarm_says_what_where_and_why_in_both_languages(
    house: House, olga: httpx.Client
) -> None:
    box, sensor, alarm = house.leak("acme-1", 27.3)
    assert (alarm["kind"], alarm["level"], alarm["priority"]) == ("limit", "H", 3)
    assert (alarm["value"], alarm["limit"], alarm["unit"]) == (27.3, 25, "%LEL")
    assert alarm["gateway"]["id"] == box.id
    assert alarm["site"] == {"id": "acme-1", "name": "Acme 一厂"}
    assert alarm["enterprise"]["id"] == "acme"
    assert alarm["sensor"]["id"] == sensor["id"]
    assert alarm["sensor"]["measurand_name"] == {"zh-CN": "可燃气体浓度", "en": "combustible gas"}
    assert "27.3 %LEL 超过一级报警值 25 %LEL" in alarm["explanation"]["zh-CN"]
    assert "27.3 %LEL is above alarm level 1 25 %LEL" in alarm["explanation"]["en"]
    assert olga.get(f"/alarms/{alarm['id']}").json()["id"] == alarm["id"]


def test_a_worse_value_raises_the_same_alarm_higher(house: House, olga: httpx.Client) -> None:
    box, sensor, alarm = house.leak("acme-1")
    box.send(lel=61.0)
    worse = eventually(
        lambda: next((a for a in [house.alarm_of(sensor["id"], olga)] if a["level"] == "HH"), None)
    )
    assert worse["id"] == alarm["id"]
    assert worse["priority"] == 2
    assert _number(worse["updated"]) > _number(alarm["updated"])


def _number(id_: str) -> tuple[int, ...]:
    return tuple(int(part) for part in id_.split("."))


def test_the_second_to_acknowledge_learns_who_was_first(
    house: House, olga: httpx.Client, bob: httpx.Client
) -> None:
    _, _, alarm = house.leak("bolt-1")
    body = {"note": "safety officer informed", "seen": "unacknowledged"}
    first = bob.post(f"/alarms/{alarm['id']}/acknowledge", json=body)
    assert (first.status_code, first.json()["acknowledged_by"]) == (200, "bob")
    late = olga.post(f"/alarms/{alarm['id']}/acknowledge", json=body)
    assert late.status_code == 409
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["alarm"]["acknowledged_by"] == "bob"


def test_a_shelf_needs_a_reason_and_ends_within_hours(house: House, olga: httpx.Client) -> None:
    _, _, alarm = house.leak("acme-1")
    shelve = f"/alarms/{alarm['id']}/shelve"
    for body in (
        {"minutes": 30},
        {"minutes": 30, "reason": " "},
        {"minutes": 0, "reason": "x"},
        {"minutes": 24 * 60, "reason": "x"},
    ):
        assert olga.post(shelve, json=body).status_code == 422, body
    done = olga.post(shelve, json={"minutes": 30, "reason": "hot work"})
    assert (done.json()["state"], done.json()["shelve_reason"]) == ("shelved", "hot work")
    back = olga.post(f"/alarms/{alarm['id']}/unshelve", json={"seen": "shelved"})
    assert back.json()["state"] == "unacknowledged"


def test_a_latched_alarm_stands_until_it_is_reset(house: House, olga: httpx.Client) -> None:
    box, sensor, alarm = house.leak("acme-1", 60.0)
    path = f"/alarms/{alarm['id']}"
    early = olga.post(f"{path}/reset", json={})
    assert (early.status_code, early.json()["alarm"]["state"]) == (409, "unacknowledged")
    box.send(lel=1.0)
    eventually(lambda: olga.get(path).json()["state"] == "latched_unacknowledged")
    assert olga.post(f"{path}/acknowledge", json={}).json()["state"] == "latched_acknowledged"
    assert olga.post(f"{path}/reset", json={}).json()["state"] == "normal"
    closed = eventually(lambda: _closed(olga, sensor["id"]))
    assert [a["id"] for a in closed] == [alarm["id"]]
    last = olga.post(f"{path}/acknowledge", json={})
    assert (last.status_code, last.json()["alarm"]["state"]) == (409, "normal")


def _closed(client: httpx.Client, sensor: int) -> list[dict[str, Any]]:
    query: dict[str, str | int] = {"state": "closed", "sensor": sensor}
    items: list[dict[str, Any]] = client.get("/alarms", params=query).json()["items"]
    return items


def test_the_timeline_tells_the_whole_story_at_once(house: House, olga: httpx.Client) -> None:
    box, _, alarm = house.leak("acme-1")
    path = f"/alarms/{alarm['id']}"
    olga.post(f"{path}/comment", json={"note": "looking into it"})
    olga.post(f"{path}/acknowledge", json={"note": "on site"})
    items = olga.get(f"{path}/timeline").json()["items"]
    assert [item["event"] for item in items] == ["raise", "comment", "acknowledge"]
    assert [item["actor"] for item in items] == [None, "olga", "olga"]
    assert items[1]["note"] == "looking into it"
    assert (items[2]["from"], items[2]["to"]) == ("unacknowledged", "acknowledged")
    assert items[0]["text"]["zh-CN"].startswith("报警")
    box.send(lel=1.0)
    told = eventually(lambda: _told(olga, path, 4))
    assert [item["event"] for item in told] == ["raise", "comment", "acknowledge", "return"]
    ids = [_number(item["id"]) for item in told]
    assert ids == sorted(set(ids))


def _told(client: httpx.Client, path: str, count: int) -> list[dict[str, Any]] | None:
    items: list[dict[str, Any]] = client.get(f"{path}/timeline").json()["items"]
    return items if len(items) >= count else None


def test_filters_hold(house: House, olga: httpx.Client) -> None:
    _, sensor, alarm = house.leak("bolt-1", 70.0)
    at = alarm["raised_at"]
    for query, found in (
        ({"level": "HH"}, True),
        ({"level": "H"}, False),
        ({"level": "none"}, False),
        ({"kind": "limit"}, True),
        ({"kind": "stale"}, False),
        ({"priority": "2"}, True),
        ({"enterprise": "bolt"}, True),
        ({"enterprise": "acme"}, False),
        ({"since": at}, True),
        ({"until": at}, False),
        ({"state": "unacknowledged"}, True),
        ({"state": "closed"}, False),
    ):
        whole = {"state": "open", "sensor": str(sensor["id"])} | query
        items = olga.get("/alarms", params=whole).json()["items"]
        assert bool(items) == found, query


def test_alarms_without_a_level_are_found_by_its_name(house: House, olga: httpx.Client) -> None:
    box = house.box("bolt-1")
    house.sensor(box, "lel")
    box.post([{"s": "lel", "v": 1, "ts": (time.time() + 3600) * 1000}])
    query = {"gateway": box.id, "level": "none"}

    def found(**more: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = olga.get("/alarms", params=query | more).json()["items"]
        return items

    [clock] = eventually(found)
    assert clock["level"] is None
    assert [alarm["id"] for alarm in found(state="open")] == [clock["id"]]
    assert found(level="HH") == []


def test_an_unknown_alarm_is_not_found(olga: httpx.Client) -> None:
    for id_ in ("1.0", "999999999999999999.0"):
        assert olga.get(f"/alarms/{id_}").status_code == 404
        assert olga.get(f"/alarms/{id_}/timeline").status_code == 404
        assert olga.post(f"/alarms/{id_}/acknowledge", json={}).status_code == 404


def test_a_filter_that_can_match_nothing_is_refused(olga: httpx.Client) -> None:
    for query in ({"kind": "a\x00"}, {"site": "\x00"}, {"enterprise": "no spaces"}, {"level": "X"}):
        answer = olga.get("/alarms", params=query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"]
