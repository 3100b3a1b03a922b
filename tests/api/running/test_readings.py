"""Telemetry over HTTP in, readings out."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.api.running.service import Box, House, eventually


def _stored(client: httpx.Client, sensor: int, count: int, **query: Any) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = client.get(f"/sensors/{sensor}/readings", params=query)
        assert answer.status_code == 200, answer.text
        columns: dict[str, Any] = answer.json()
        return columns if len(columns["ts"]) >= count else None

    return eventually(look)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_what_was_posted_is_read_back(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel")["id"]
    now = time.time()
    for n in range(3):
        sent = box.post([{"s": "lel", "v": 1.5 + n, "ts": (now - 3 + n) * 1000}])
        assert sent.status_code == 200
        assert sent.json()["rejected"] is None
        receipt = sent.json()["receipt"]
        assert (receipt["boot"], receipt["stored"]) == (box.boot, n + 1)
    columns = _stored(olga, sensor, 3, start=_iso(now - 60), end=_iso(now + 60))
    assert columns["resolution"] == "raw"
    assert columns["value"] == [1.5, 2.5, 3.5]
    assert columns["quality"] == [0, 0, 0]
    assert columns["ts"] == sorted(columns["ts"])
    assert columns["ts"][0].endswith("Z")


def test_minutes_are_rolled_up_on_the_way(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel")["id"]
    minute = time.time() // 60 * 60 - 120
    box.post([{"s": "lel", "v": v, "ts": (minute + v) * 1000} for v in (1, 2, 6)])
    columns = _stored(olga, sensor, 1, start=_iso(minute), end=_iso(minute + 60), resolution="1m")
    assert columns["resolution"] == "1m"
    assert (columns["min"], columns["mean"], columns["max"]) == ([1], [3], [6])
    assert (columns["count"], columns["good"]) == ([3], [3])


def test_no_number_is_null(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel")["id"]
    assert box.post([{"s": "lel", "v": None}]).status_code == 200
    columns = _stored(olga, sensor, 1)
    assert columns["value"] == [None]
    assert columns["quality"] == [2]
    latest = eventually(lambda: olga.get(f"/sensors/{sensor}").json()["latest"])
    assert (latest["value"], latest["quality"]) == (None, 2)


@pytest.mark.parametrize(
    "query",
    [
        {"resolution": "2m"},
        {"start": "yesterday"},
        {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        {"start": "2026-01-02T00:00:00"},
        {"limit": 0},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    house: House, olga: httpx.Client, query: dict[str, Any]
) -> None:
    sensor = house.sensor(house.box("acme-1"), "lel")["id"]
    answer = olga.get(f"/sensors/{sensor}/readings", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_reading_that_cannot_be_used_is_refused_alone(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel")["id"]
    answer = box.post([{"s": "lel", "v": 3}, {"s": "stranger", "v": 1}, {"s": "lel", "v": []}])
    assert answer.status_code == 200
    assert [e["path"] for e in answer.json()["rejected"]["errors"]] == [
        "readings[1].s",
        "readings[2].v",
    ]
    assert _stored(olga, sensor, 1)["value"] == [3]

    def refused() -> Any:
        return olga.get(f"/gateways/{box.id}").json()["rejections"]

    rows = eventually(refused)
    assert {row["path"] for row in rows} == {"readings[1].s", "readings[2].v"}
    assert all({"at", "path", "reason", "topic", "payload"} <= row.keys() for row in rows)


@pytest.mark.parametrize("payload", [b"{", b"[]", b"\xff\xfe", b"", b'"text"'])
def test_a_message_that_cannot_be_read_says_why(house: House, payload: bytes) -> None:
    box = house.box("acme-1")
    answer = httpx.post(
        f"{house.url}/api/v1/telemetry/{box.id}", content=payload, auth=(box.id, box.password)
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_message_beyond_all_bounds_is_refused_with_its_bound(house: House) -> None:
    box = house.box("acme-1")
    answer = httpx.post(
        f"{house.url}/api/v1/telemetry/{box.id}",
        content=b" " * (1 << 20),
        auth=(box.id, box.password),
        headers={"Accept-Language": "en"},
    )
    assert answer.status_code == 413
    assert "256 KiB" in answer.json()["detail"]


def _post(box: Box, payload: bytes) -> httpx.Response:
    return httpx.post(
        f"{box.url}/api/v1/telemetry/{box.id}",
        content=payload,
        auth=(box.id, box.password),
        headers={"Accept-Language": "en"},
        timeout=20,
    )


@pytest.mark.parametrize(
    ("second", "status"),
    [
        (b'{"boot": "b1", "seq": 2, "x": "%b", "readings": []}' % (b" " * (300 << 10)), 413),
        (b'{"boot": "b1", "seq": 2, "readings": [{]}', 422),
    ],
)
def test_a_message_refused_whole_is_answered_settled_and_quarantined(
    house: House, olga: httpx.Client, second: bytes, status: int
) -> None:
    box = house.box("acme-1")
    house.sensor(box, "lel")
    message = b'{"boot": "b1", "seq": %d, "readings": [{"s": "lel", "v": 1}]}'
    assert _post(box, message % 1).status_code == 200
    refused = _post(box, second)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    answer = refused.json()
    assert (answer["boot"], answer["seq"]) == ("b1", 2)
    assert [error["path"] for error in answer["errors"]] == [""]
    assert answer["receipt"] | {"ts": 0} == {"boot": "b1", "stored": 2, "ts": 0}
    assert _post(box, message % 3).json()["receipt"]["stored"] == 3
    device = eventually(lambda: _with_rejections(olga, box))
    assert device["missing"] == []
    assert device["rejections"][0]["payload"].startswith('{"boot": "b1", "seq": 2')


def _with_rejections(client: httpx.Client, box: Box) -> dict[str, Any] | None:
    device: dict[str, Any] = client.get(f"/gateways/{box.id}").json()
    return device if device["rejections"] else None


def test_a_gateway_does_not_see_what_was_refused_of_another_that_had_its_id(
    house: House, olga: httpx.Client, root: httpx.Client
) -> None:
    box = house.box("acme-1")
    _post(box, b'{"secret": ')
    eventually(lambda: _with_rejections(olga, box))
    assert root.delete(f"/gateways/{box.id}").status_code == 204
    made = root.post("/gateways", json={"id": box.id, "site": "bolt-1"}).json()
    heir = Box(box.id, made["mqtt"]["password"], box.url)
    with house.client("bob") as bob:
        assert bob.get(f"/gateways/{box.id}").json()["rejections"] == []
        _post(heir, b"{")
        refused = eventually(lambda: _with_rejections(bob, heir))["rejections"]
    assert [each["payload"] for each in refused] == ["{"]


def test_a_message_refused_whole_without_a_number_has_no_receipt(house: House) -> None:
    answer = _post(house.box("acme-1"), b"{").json()
    assert (answer["boot"], answer["seq"], answer["receipt"]["stored"]) == (None, None, None)
    assert answer["errors"][0]["reason"]


def test_a_gateway_speaks_for_itself_only(house: House) -> None:
    one, other = house.box("acme-1"), house.box("acme-1")
    url = f"{house.url}/api/v1/telemetry"
    body: dict[str, list[str]] = {"readings": []}
    for id_, auth in (
        (one.id, (other.id, other.password)),
        (one.id, (one.id, other.password)),
        (one.id, (one.id, "")),
        ("nobody", ("nobody", "x")),
    ):
        assert httpx.post(f"{url}/{id_}", json=body, auth=auth).status_code == 401
    assert httpx.post(f"{url}/{one.id}", json=body).status_code == 401


def test_the_device_page_shows_what_was_heard(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    house.sensor(box, "lel")
    box.send(lel=1.0)
    box.seq += 2
    box.send(lel=2.0)
    device = olga.get(f"/gateways/{box.id}").json()
    assert (device["messages"], device["readings"], device["rejected"]) == (2, 2, 0)
    assert device["boot"] == box.boot
    assert device["stored_through"] == 1
    assert device["missing"] == [[2, 3]]
    assert '"lel"' in device["last_payload"]
    assert device["last_message_at"].endswith("Z")


def test_backfill_rings_no_bell(house: House, olga: httpx.Client) -> None:
    box = house.box("acme-1")
    sensor = house.sensor(box, "lel")["id"]
    old = (time.time() - 86_400) * 1000
    answer = httpx.post(
        f"{house.url}/api/v1/telemetry/{box.id}",
        params={"backfill": "true"},
        json={"readings": [{"s": "lel", "v": 99, "ts": old}]},
        auth=(box.id, box.password),
    )
    assert answer.status_code == 200, answer.text
    start = _iso(old / 1000 - 60)
    assert _stored(olga, sensor, 1, start=start, resolution="raw")["value"] == [99]
    items = olga.get("/alarms", params={"sensor": sensor, "state": "open"}).json()["items"]
    assert items == []
