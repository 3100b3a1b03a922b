"""Alice, Bob and Charlie walk every route: each sees his own part of the county, and no more.

Alice is the enterprise acme's own account, Bob operates for bolt, Charlie looks at one site of
acme. What is out of scope does not exist: 404, never 403.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api.running.service import House

VISIBLE = {
    "olga": {"acme-1", "acme-2", "bolt-1"},
    "vera": {"acme-1", "acme-2", "bolt-1"},
    "norah": {"acme-1", "acme-2"},
    "alice": {"acme-1", "acme-2"},
    "bob": {"bolt-1"},
    "charlie": {"acme-2"},
}
ENTERPRISE = {"acme-1": "acme", "acme-2": "acme", "bolt-1": "bolt"}


@dataclass(frozen=True)
class Trouble:
    """One gateway, sensor and open alarm at each site."""

    gateway: dict[str, str]
    sensor: dict[str, int]
    alarm: dict[str, str]


@pytest.fixture(scope="module")
def trouble(house: House) -> Trouble:
    made = {site: house.leak(site) for site in ENTERPRISE}
    return Trouble(
        {site: box.id for site, (box, _, _) in made.items()},
        {site: sensor["id"] for site, (_, sensor, _) in made.items()},
        {site: alarm["id"] for site, (_, _, alarm) in made.items()},
    )


def _items(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get(
            path, params={"limit": 1000, **query} | ({"cursor": cursor} if cursor else {})
        )
        assert page.status_code == 200, page.text
        items += page.json()["items"]
        cursor = page.json()["next"]
        if cursor is None:
            return items


@pytest.mark.parametrize("who", VISIBLE)
def test_lists_hold_what_is_in_scope_and_nothing_else(
    house: House, trouble: Trouble, who: str
) -> None:
    seen, enterprises = VISIBLE[who], {ENTERPRISE[site] for site in VISIBLE[who]}
    with house.client(who) as client:
        assert {s["id"] for s in _items(client, "/sites")} & ENTERPRISE.keys() == seen
        assert {e["id"] for e in _items(client, "/enterprises")} == enterprises
        assert {z["site"]["id"] for z in _items(client, "/zones")} == seen
        for path in ("/gateways", "/sensors"):
            assert {item["site"]["id"] for item in _items(client, path)} & ENTERPRISE.keys() == seen
        for query in ({"state": "open"}, {"state": "unacknowledged"}, {"state": "closed"}, {}):
            alarms = _items(client, "/alarms", **query)
            assert {a["site"]["id"] for a in alarms} & ENTERPRISE.keys() <= seen
        open_ones = {a["id"] for a in _items(client, "/alarms", state="open")}
        for site, alarm in trouble.alarm.items():
            assert (alarm in open_ones) == (site in seen)


@pytest.mark.parametrize("who", VISIBLE)
@pytest.mark.parametrize("site", ENTERPRISE)
def test_what_is_out_of_scope_does_not_exist(
    house: House, trouble: Trouble, who: str, site: str
) -> None:
    expected = 200 if site in VISIBLE[who] else 404
    span = {"start": "2026-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"}
    with house.client(who) as client:
        for path in (
            f"/sites/{site}",
            f"/zones/{site}-a",
            f"/gateways/{trouble.gateway[site]}",
            f"/sensors/{trouble.sensor[site]}",
            f"/alarms/{trouble.alarm[site]}",
            f"/alarms/{trouble.alarm[site]}/timeline",
        ):
            assert client.get(path).status_code == expected, path
        readings = client.get(f"/sensors/{trouble.sensor[site]}/readings", params=span)
        assert readings.status_code == expected
        inside = {ENTERPRISE[s] for s in VISIBLE[who]}
        enterprise = client.get(f"/enterprises/{ENTERPRISE[site]}")
        assert enterprise.status_code == (200 if ENTERPRISE[site] in inside else 404)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("olga", {"county", "north", "south", "marsh"}),
        ("norah", {"county", "north", "marsh"}),
        ("alice", {"county", "north"}),
        ("bob", {"county", "south"}),
        ("charlie", {"county", "north"}),
    ],
)
def test_regions_are_the_way_to_what_is_in_scope_and_what_lies_in_it(
    house: House, root: httpx.Client, who: str, seen: set[str]
) -> None:
    root.post(
        "/regions", json={"id": "marsh", "name": "湿地村", "kind": "village", "parent": "north"}
    )
    whole = {"county", "north", "south", "marsh"}
    with house.client(who) as client:
        assert {r["id"] for r in _items(client, "/regions")} & whole == seen
        for region in whole:
            expected = 200 if region in seen else 404
            assert client.get(f"/regions/{region}").status_code == expected, region


@pytest.mark.parametrize("who", ["alice", "bob", "charlie"])
@pytest.mark.parametrize("site", ENTERPRISE)
def test_filters_name_nothing_that_is_out_of_scope(
    house: House, trouble: Trouble, who: str, site: str
) -> None:
    if site in VISIBLE[who]:
        return
    with house.client(who) as client:
        assert _items(client, "/sensors", site=site) == []
        assert _items(client, "/gateways", site=site) == []
        assert _items(client, "/alarms", sensor=trouble.sensor[site]) == []
        assert _items(client, "/alarms", state="open", sensor=trouble.sensor[site]) == []


@pytest.mark.parametrize("verb", ["acknowledge", "shelve", "unshelve", "comment", "reset"])
def test_nobody_acts_on_an_alarm_he_cannot_see(house: House, trouble: Trouble, verb: str) -> None:
    body = {"shelve": {"minutes": 5, "reason": "x"}, "comment": {"note": "x"}}.get(verb, {})
    with house.client("bob") as bob:
        answer = bob.post(f"/alarms/{trouble.alarm['acme-1']}/{verb}", json=body)
    assert answer.status_code == 404
    with house.client("olga") as olga:
        alarm = olga.get(f"/alarms/{trouble.alarm['acme-1']}").json()
    assert alarm["state"] == "unacknowledged"


@pytest.mark.parametrize("who", ["vera", "charlie"])
@pytest.mark.parametrize("verb", ["acknowledge", "reset"])
def test_who_may_only_look_acts_on_nothing(
    house: House, trouble: Trouble, who: str, verb: str
) -> None:
    with house.client(who) as client:
        answer = client.post(f"/alarms/{trouble.alarm['acme-2']}/{verb}", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("who", ["olga", "vera", "alice", "bob", "charlie"])
def test_only_an_administrator_changes_what_is_watched(
    house: House, trouble: Trouble, who: str
) -> None:
    sensor, gateway = trouble.sensor["acme-2"], trouble.gateway["acme-2"]
    with house.client(who) as client:
        for method, path, body in (
            ("POST", "/regions", {"id": "r", "name": "r", "kind": "town"}),
            ("POST", "/enterprises", {"id": "e", "name": "e", "region": "north"}),
            ("POST", "/sites", {"id": "s", "name": "s", "enterprise": "acme"}),
            ("POST", "/zones", {"id": "z", "name": "z", "site": "acme-2"}),
            ("POST", "/gateways", {"id": "g", "site": "acme-2"}),
            ("POST", "/sensors", {"gateway": gateway, "tag": "t", "measurand": "GAS_LEL"}),
            ("PATCH", "/sites/acme-2", {"name": "mine"}),
            ("PATCH", f"/sensors/{sensor}", {"name": "mine"}),
            ("PUT", f"/sensors/{sensor}/limits", {"limits": {}, "reason": "quiet"}),
            ("DELETE", f"/sensors/{sensor}", None),
            ("DELETE", f"/gateways/{gateway}", None),
            ("DELETE", "/sites/acme-2", None),
        ):
            answer = client.request(method, path, json=body)
            assert answer.status_code == 403, (method, path, answer.text)


def test_who_sees_a_part_learns_nothing_of_the_whole_countys_traffic(
    house: House, trouble: Trouble
) -> None:
    with house.client("olga") as olga, house.client("charlie") as charlie:
        for client, whole in ((olga, True), (charlie, False)):
            overview = client.get("/stats/overview").json()
            assert (overview["journal"]["lag_readings"] is not None) == whole
            assert (overview["readings_per_s"] is not None) == whole
            judge = next(p for p in client.get("/health").json()["parts"] if p["name"] == "judge")
            assert ("readings/s" in judge["text"]["en"]) == whole


@pytest.mark.parametrize("who", ["norah", "alice", "bob", "charlie"])
def test_figures_count_only_what_is_in_scope(house: House, trouble: Trouble, who: str) -> None:
    with house.client(who) as client:
        overview = client.get("/stats/overview").json()
        sensors = _items(client, "/sensors")
        alarms = _items(client, "/alarms", state="open")
        gateways = _items(client, "/gateways")
    assert overview["sensors"]["total"] == len(sensors)
    assert overview["gateways"]["total"] == len(gateways)
    assert overview["alarms"]["open"] == len(alarms)
