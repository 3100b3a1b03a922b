"""What strangers meet: probes, metrics, the interface's files, headers, malformed questions."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.headers import CONTENT_SECURITY_POLICY, LARGEST
from tests.api.running.service import House, eventually


def test_the_process_lives_whatever_else(house: House) -> None:
    answer = httpx.get(f"{house.url}/healthz")
    assert answer.status_code == 200


def test_readiness_says_what_is_missing(house: House) -> None:
    answer = httpx.get(f"{house.url}/readyz")
    assert answer.status_code == 503
    assert "broker" in answer.text


def test_metrics_are_prometheus_text(house: House) -> None:
    house.leak("bolt-1")
    answer = httpx.get(f"{house.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert any(line.startswith("vedette_readings_accepted_total ") for line in lines)
    assert any(line.startswith('vedette_alarms_raised_total{kind="limit"') for line in lines)
    assert any(line.startswith("vedette_stream_clients ") for line in lines)


def test_only_screens_are_counted_as_clients(house: House) -> None:
    def clients() -> list[str]:
        lines = httpx.get(f"{house.url}/metrics").text.splitlines()
        return [line for line in lines if line == "vedette_stream_clients 0.0"]

    eventually(clients)


def test_every_answer_carries_the_security_headers(house: House) -> None:
    for path in ("/", "/healthz", "/api/v1/sites", "/api/openapi.json", "/no/such/file.js"):
        headers = httpx.get(house.url + path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers
    assert httpx.get(f"{house.url}/api/v1/sites").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/sites", "/api"])
def test_an_unknown_address_of_the_api_is_a_problem_not_a_page(house: House, path: str) -> None:
    answer = httpx.get(house.url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api", "/healthz/more"])
def test_an_unknown_address_of_the_api_is_not_found_by_any_method(
    house: House, method: str, path: str
) -> None:
    answer = httpx.request(method, house.url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_may_ask_by_head(house: House, path: str) -> None:
    by_get, by_head = httpx.get(house.url + path), httpx.head(house.url + path)
    assert by_head.status_code == by_get.status_code
    assert by_head.content == b""


@pytest.mark.parametrize(
    "path", ["/api/v1/auth/token", "/api/v1/alarms/1.0/acknowledge", "/api/v1/telemetry/gw"]
)
def test_what_is_only_posted_to_is_not_a_page(house: House, path: str) -> None:
    answer = httpx.get(house.url + path)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/alarms/nope",
        "/alarms/nope/timeline",
        "/alarms/1.0.0",
        "/sensors/abc",
        "/sensors/0",
        "/sensors/99999999999/limits",
        "/sensors/-1/readings",
        "/sites/no%20spaces",
        "/gateways/a.b",
        "/regions/%E2%98%83",
    ],
)
def test_an_id_that_nothing_can_have_is_not_found(olga: httpx.Client, path: str) -> None:
    answer = olga.get(path)
    assert answer.status_code == 404, path
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_is_not_signed_in_learns_nothing_of_ids(house: House) -> None:
    assert httpx.get(f"{house.url}/api/v1/alarms/nope").status_code == 401


def test_a_wrong_method_says_so(house: House, root: httpx.Client) -> None:
    answer = root.put("/sites", json={})
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_no_json_says_so(root: httpx.Client) -> None:
    answer = root.post("/regions", content=b"{oops", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


JSON = "application/json"


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("POST", "/regions", b"{oops", JSON, 422),
        ("POST", "/regions", b'{"id": "\xff"}', JSON, 400),
        ("POST", "/regions", b"[" * 100_000, JSON, 400),
        ("POST", "/regions", b'{"id": "x"}', "text/plain", 422),
        ("POST", "/auth/token", b"--x", "multipart/form-data", 400),
        ("PUT", "/sites", b"{}", JSON, 405),
        ("GET", "/nothing", b"", JSON, 404),
        ("GET", "/sites/none", b"", JSON, 404),
    ],
)
def test_a_chinese_reader_is_told_in_chinese_what_is_wrong_with_a_request(
    root: httpx.Client, method: str, path: str, body: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind, "Accept-Language": "zh-CN"}
    answer = root.request(method, path, content=body, headers=headers)
    assert answer.status_code == status
    assert_is_chinese(answer.json())


def assert_is_chinese(problem: dict[str, Any]) -> None:
    told = [problem["title"], problem["detail"], *(e["reason"] for e in problem.get("errors", ()))]
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in told), told


def test_a_chinese_reader_is_told_in_chinese_that_a_body_is_too_large(house: House) -> None:
    """It is refused by its length, before any of it is sent."""
    connection = HTTPConnection(urlsplit(house.url).netloc, timeout=20)
    with closing(connection):
        connection.putrequest("POST", "/api/v1/regions")
        connection.putheader("Content-Length", str(LARGEST + 1))
        connection.putheader("Accept-Language", "zh-CN")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert_is_chinese(json.load(answer))


def test_a_body_sent_as_something_else_than_json_is_told_how_to_send_it(root: httpx.Client) -> None:
    answer = root.post("/regions", content=b'{"id": "x"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["path"] == "body"
    assert "application/json" in error["reason"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/sites HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/auth/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_http_disturbs_nobody(house: House, request_: bytes) -> None:
    parts = urlsplit(house.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.settimeout(5)
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = connection.recv(4096)
        except ConnectionResetError:
            answer = b""
    assert not answer or answer.split(b" ")[1][:1] in {b"4", b"5"}
    assert httpx.get(f"{house.url}/healthz").status_code == 200


def test_the_overview_has_what_the_wall_shows(house: House, olga: httpx.Client) -> None:
    _, _, alarm = house.leak("bolt-1", 70.0)

    def look() -> dict[str, object] | None:
        seen: dict[str, object] = olga.get("/stats/overview").json()
        return seen if seen["raised_today"] else None

    seen = eventually(look)
    assert seen.keys() >= {
        "alarms",
        "oldest_unacknowledged_at",
        "sensors",
        "gateways",
        "readings_per_s",
        "decision_ms_p50",
        "store",
        "journal",
        "broker",
        "raised_today",
        "alarms_24h",
    }
    alarms = olga.get("/stats/overview").json()["alarms"]
    assert alarms["open"] >= 1
    assert alarms["unacknowledged"] >= 1
    assert set(alarms["by_priority"]) == {"1", "2", "3", "4"}
    hours = olga.get("/stats/overview").json()["alarms_24h"]
    assert len(hours) == 24
    assert hours[-1] >= 1
    assert seen["oldest_unacknowledged_at"] <= alarm["raised_at"]


def test_figures_of_history_answer(house: House, olga: httpx.Client) -> None:
    house.leak("bolt-1")
    for path in ("/stats/coverage", "/stats/quality", "/stats/alarms"):
        answer = olga.get(path)
        assert answer.status_code == 200, (path, answer.text)


def test_the_system_page_names_each_part_in_both_languages(olga: httpx.Client) -> None:
    parts = olga.get("/health").json()["parts"]
    by_name = {part["name"]: part for part in parts}
    assert {"store", "broker", "journal"} <= by_name.keys()
    assert by_name["broker"]["state"] == "down"
    assert by_name["store"]["state"] == "ok"
    for part in parts:
        assert part["state"] in {"ok", "warn", "down"}
        assert part["text"]["zh-CN"]
        assert part["text"]["en"]


def test_the_catalogue_is_whole(olga: httpx.Client) -> None:
    items = olga.get("/catalogue", params={"limit": 500}).json()["items"]
    by_code = {item["code"]: item for item in items}
    assert by_code["GAS_LEL"]["unit"] == "%LEL"
    assert by_code["GAS_LEL"]["name"] == {"zh-CN": "可燃气体浓度", "en": "combustible gas"}
    states = next(item for item in items if item["kind"] == "state")["states"]
    assert all({"code", "name"} <= state.keys() for state in states)


def test_the_document_is_openapi_with_examples(house: House) -> None:
    document = httpx.get(f"{house.url}/api/openapi.json").json()
    assert document["openapi"].startswith("3.")
    paths = document["paths"]
    for path, method in (
        ("/api/v1/auth/session", "post"),
        ("/api/v1/alarms", "get"),
        ("/api/v1/alarms/{alarm_id}/acknowledge", "post"),
        ("/api/v1/sensors/{sensor_id}/limits", "put"),
        ("/api/v1/sensors/{sensor_id}/readings", "get"),
        ("/api/v1/stream", "get"),
        ("/api/v1/telemetry/{gateway}", "post"),
        ("/api/v1/stats/overview", "get"),
    ):
        assert method in paths[path], path
    text = json.dumps(document)
    for name in set(_references(document)):
        assert name in document["components"]["schemas"], name
    assert '"example' in text


def _references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"].rsplit("/", 1)[1]] if isinstance(part.get("$ref"), str) else []
        return own + [name for value in part.values() for name in _references(value)]
    if isinstance(part, list):
        return [name for value in part for name in _references(value)]
    return []


def test_the_document_is_written_without_a_service() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.openapi"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "/api/v1/alarms" in json.loads(done.stdout)["paths"]


def test_the_documentation_page_loads_nothing_from_elsewhere(house: House) -> None:
    answer = httpx.get(f"{house.url}/api/docs")
    assert answer.status_code == 200
    assert "https://" not in answer.text
    assert "http://" not in answer.text
    assert "/alarms" in answer.text


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/wall", True),
        ("/alarms/1872358462095360.3", True),  # the number of an alarm, which is no file's ending
        ("/sensors/12?range=h6", True),
        ("/no/such/file.js", False),
        ("/no-such-icon.png", False),
    ],
)
def test_an_address_in_the_interface_can_be_loaded_anew(
    house: House, address: str, found: bool
) -> None:
    answer = httpx.get(house.url + address)
    assert answer.status_code == (200 if found else 404)
    assert answer.headers["content-type"].startswith("text/html") == found
