"""Bad input to a running house: a clear answer to its sender, and nothing else disturbed.

All the while a witness sensor goes over its limit and back, and each turn must reach a screen.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import httpx
import pytest

from simulators.broker import Login
from tests.acceptance.house import until
from tests.acceptance.starter import LIMIT, Box, Starter, box_on
from tests.acceptance.witness import Witness

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

YEARS = 3652 * 86_400_000


@dataclass(frozen=True)
class Plant:
    """One box that behaves badly, one that is its victim, and a witness."""

    starter: Starter
    bad: Login
    victim: Login
    witness: Witness

    def play(self, scene: Callable[[Box], Awaitable[None]]) -> None:
        """Let the bad box do its worst; the witness must be judged on."""

        async def run() -> None:
            async with box_on(self.starter.mqtt_port, self.bad) as box:
                await scene(box)

        asyncio.run(run())
        self.witness.goes_on()

    def values(self, tag: str, *, around_ms: int) -> list[float | None]:
        """Stored values of one of the bad box's sensors within five minutes of a time."""
        middle = dt.datetime.fromtimestamp(around_ms / 1000, dt.UTC)
        reach = dt.timedelta(minutes=5)
        return self.starter.readings(
            self.starter.sensor("bad", tag),
            start=(middle - reach).isoformat(),
            end=(middle + reach).isoformat(),
        )

    async def stored(self, tag: str, wanted: list[float | None], *, around_ms: int) -> None:
        async def there() -> bool:
            return self.values(tag, around_ms=around_ms) == wanted

        await until(there, within_s=10, what=f"{tag} is stored as {wanted}")

    async def shown(self, path: str, words: str) -> dict[str, Any]:
        """The newest refusal on the bad box's device page with this path and these words."""

        def found() -> list[dict[str, Any]]:
            return [
                row
                for row in self.starter.refused("bad")
                if row["path"] == path and words in row["reason"]
            ]

        async def there() -> bool:
            return bool(found())

        await until(there, within_s=10, what=f"the device page shows '{path}': {words}")
        return found()[0]


TAGS = ("types", "known", "nan", "large", "past", "future", "foreign", "twice", "posted")


@pytest.fixture(scope="module")
def plant(starter: Starter) -> Iterator[Plant]:
    bad = starter.add_gateway("bad", {tag: {"HH": LIMIT} for tag in TAGS})
    victim = starter.add_gateway("victim", {"known": {"HH": LIMIT}})
    login = starter.add_gateway("witness", {"witness": {"HH": LIMIT}})
    with Witness(starter.running, starter.mqtt_port, login, "witness") as witness:
        yield Plant(starter, bad, victim, witness)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("payload", "seq", "words"),
    [
        (b'{"boot": "x", "seq": 1, "readings": [{"s": "known",', 1, "not JSON"),
        (b"\xff\xfe\x00", None, "not UTF-8"),
        (b"[1, 2, 3]", None, "not a JSON object"),
        (b'{"seq": 1, "boot": "y"}', 1, "neither readings nor values"),
        (b"", None, "not JSON"),
    ],
    ids=["cut off", "not text", "a list", "no readings", "empty"],
)
def test_an_unreadable_message_is_answered_and_shown_on_its_device_page(
    plant: Plant, payload: bytes, seq: int | None, words: str
) -> None:
    async def scene(box: Box) -> None:
        await box.send(payload)
        answer = await box.heard("rejected")
        assert answer["seq"] == seq
        [error] = answer["errors"]
        assert error["path"] == ""
        assert words in error["reason"]
        row = await plant.shown("", words)
        assert row["topic"] == "vedette/v1/bad/telemetry"
        assert row["payload"] == payload.decode("utf-8", "replace")

    plant.play(scene)


def test_wrong_types_are_rejected_one_by_one_and_the_good_reading_beside_them_is_kept(
    plant: Plant,
) -> None:
    now = now_ms()
    readings = [
        {"s": "types", "v": [1]},
        {"s": 7, "v": 1},
        {"s": "types", "v": 1, "ts": "yesterday"},
        {"s": "types", "v": 1, "q": "?"},
        {"s": "types", "v": "much"},
        "types",
        {"s": "types"},
        {"s": "types", "v": 3.5},
    ]

    async def scene(box: Box) -> None:
        await box.send({"ts": now, "boot": "types", "seq": 1, "readings": readings})
        answer = await box.heard("rejected")
        assert (answer["boot"], answer["seq"]) == ("types", 1)
        paths = [error["path"] for error in answer["errors"]]
        assert paths == [
            "readings[0].v",
            "readings[1].s",
            "readings[2].ts",
            "readings[3].q",
            "readings[4].v",
            "readings[5]",
            "readings[6].v",
        ]
        assert all(error["reason"] for error in answer["errors"])
        await box.receipted(1)
        await plant.stored("types", [3.5], around_ms=now)
        await plant.shown("readings[2].ts", "")

    plant.play(scene)


def test_an_unknown_sensor_is_rejected_alone(plant: Plant) -> None:
    now = now_ms()
    readings = [{"s": "known", "v": 1.5}, {"s": "nowhere", "v": 2}]

    async def scene(box: Box) -> None:
        await box.send({"ts": now, "readings": readings})
        [error] = (await box.heard("rejected"))["errors"]
        assert error["path"] == "readings[1].s"
        assert "nowhere" in error["reason"]
        await plant.stored("known", [1.5], around_ms=now)

    plant.play(scene)


def test_nan_and_infinities_are_bad_values_that_neither_raise_nor_clear_an_alarm(
    plant: Plant,
) -> None:
    now = now_ms()

    def message(at: int, *literals: str) -> bytes:
        readings = ", ".join(
            f'{{"s": "nan", "v": {literal}, "ts": {at + n}}}' for n, literal in enumerate(literals)
        )
        return f'{{"readings": [{readings}]}}'.encode()

    def alarms() -> list[dict[str, Any]]:
        return [a for a in plant.starter.open_alarms("bad") if a["sensor"]["tag"] == "nan"]

    async def raised() -> bool:
        return bool(alarms())

    async def scene(box: Box) -> None:
        literals = ("NaN", "Infinity", "-Infinity", "1e999", "null")
        await box.send(message(now - 1000, *literals))
        await plant.stored("nan", [None] * 5, around_ms=now)
        assert alarms() == []
        await box.send(message(now - 500, "80"))
        await until(raised, within_s=5, what="80 raises")
        await box.send(message(now, *literals))
        await plant.stored("nan", [None] * 5 + [80.0] + [None] * 5, around_ms=now)
        [alarm] = alarms()
        assert alarm["active"]

    plant.play(scene)


def test_a_message_of_one_mebibyte_is_answered_and_not_sent_for_ever(plant: Plant) -> None:
    now = now_ms()
    head = f'{{"boot": "large", "seq": 1, "ts": {now}, "readings": ['.encode()
    large = head + b'{"s": "large", "v": 1},' * 50_000
    large = large[: 1 << 20]

    async def scene(box: Box) -> None:
        await box.send(large)
        answer = await box.heard("rejected")
        assert (answer["boot"], answer["seq"]) == ("large", 1)
        [error] = answer["errors"]
        assert str(1 << 20) in error["reason"]
        row = await plant.shown("", "at most")
        assert len(row["payload"]) <= 4096
        after = {"ts": now, "boot": "large", "seq": 2, "readings": [{"s": "large", "v": 2.5}]}
        await box.send(after)
        await box.receipted(2)
        await plant.stored("large", [2.5], around_ms=now)

    plant.play(scene)


def test_a_time_ten_years_back_is_stored_as_history_and_rings_no_bell(plant: Plant) -> None:
    past = now_ms() - YEARS

    async def scene(box: Box) -> None:
        await box.send({"boot": "past", "seq": 1, "readings": [{"s": "past", "v": 90, "ts": past}]})
        await box.receipted(1)
        await plant.stored("past", [90.0], around_ms=past)

    plant.play(scene)
    assert not [a for a in plant.starter.open_alarms("bad") if a["sensor"]["tag"] == "past"]


def test_a_time_ten_years_ahead_is_quarantined_and_raises_the_clock_alarm(plant: Plant) -> None:
    future = now_ms() + YEARS

    async def clock_alarm() -> bool:
        kinds = {(a["family"], a["kind"]) for a in plant.starter.open_alarms("victim")}
        return ("clock", "mismatch") in kinds

    async def scene() -> None:
        async with box_on(plant.starter.mqtt_port, plant.victim) as box:
            reading = {"s": "known", "v": 90, "ts": future}
            await box.send({"boot": "future", "seq": 1, "readings": [reading]})
            await box.receipted(1)
            await until(clock_alarm, within_s=60, what="the gateway's clock raises an alarm")

            async def shown() -> bool:
                rows = plant.starter.refused("victim")
                return any("future" in row["reason"] for row in rows)

            await until(shown, within_s=10, what="the device page shows what was not taken")

    asyncio.run(scene())
    plant.witness.goes_on()
    sensor = plant.starter.sensor("victim", "known")
    middle = dt.datetime.fromtimestamp(future / 1000, dt.UTC)
    reach = dt.timedelta(days=1)
    assert not plant.starter.readings(
        sensor, start=(middle - reach).isoformat(), end=(middle + reach).isoformat()
    )
    assert not [a for a in plant.starter.open_alarms("victim") if a["kind"] == "limit"]


@pytest.mark.parametrize("user", ["bad", "nobody", ""])
def test_wrong_credentials_are_refused_at_the_broker(plant: Plant, user: str) -> None:
    async def connect() -> None:
        async with aiomqtt.Client(
            "127.0.0.1",
            plant.starter.mqtt_port,
            username=user or None,
            password="wrong" if user else None,
            identifier="stranger",
        ):
            pass

    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed|bad user"):
        asyncio.run(connect())
    plant.witness.goes_on()


def test_a_publish_on_anothers_topic_is_dropped_and_answered_to_the_violator(plant: Plant) -> None:
    now = now_ms()
    topic = "vedette/v1/victim/telemetry"

    async def scene(box: Box) -> None:
        forged = json.dumps({"ts": now, "readings": [{"s": "known", "v": 99}]}).encode()
        await box.client.publish(topic, forged, qos=0)
        answer = await box.heard("rejected")
        [error] = answer["errors"]
        assert error["path"] == "topic"
        assert topic in error["reason"]
        await plant.shown("topic", topic)

    try:
        plant.play(scene)
    except aiomqtt.MqttError:
        pytest.fail("the violator was cut off before it was answered")
    assert not [a for a in plant.starter.open_alarms("victim") if a["kind"] == "limit"]


def test_what_is_delivered_twice_or_retained_is_stored_once(plant: Plant) -> None:
    now = now_ms()
    message = {"ts": now, "boot": "twice", "seq": 1, "readings": [{"s": "twice", "v": 70.0}]}

    async def scene(box: Box) -> None:
        await box.send(message, retain=True)
        await box.send(message)
        await box.send({**message, "boot": None, "seq": None})
        await box.send({"ts": now + 1, "boot": "twice", "seq": 2, "readings": []})
        await box.receipted(2)
        await plant.stored("twice", [70.0], around_ms=now)
        await box.send(b"", retain=True)  # takes the retained message away again
        await box.heard("rejected")
        [alarm] = [a for a in plant.starter.open_alarms("bad") if a["sensor"]["tag"] == "twice"]
        assert alarm["count"] == 1

    plant.play(scene)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/gateways", b'{"id": ', 422),
        ("POST", "/gateways", b"[]", 422),
        ("POST", "/gateways", b'{"id": "no spaces!", "site": "site-1"}', 422),
        ("POST", "/gateways", b'{"id": 7, "site": null}', 422),
        ("POST", "/gateways", b'{"id": "ok", "site": "nowhere"}', 422),
        ("POST", "/sensors", b'{"gateway": "bad", "tag": "t", "measurand": "GOLD"}', 422),
        ("POST", "/sensors", b'{"gateway":"bad","tag":"\\u0000","measurand":"GAS_LEL"}', 422),
        ("POST", "/sensors",
         b'{"gateway":"bad","tag":"t","measurand":"GAS_LEL","limits":{"HH":{"setpoint":NaN}}}', 422),
        ("POST", "/sensors",
         b'{"gateway":"bad","tag":"t","measurand":"GAS_LEL","limits":{"XX":{"setpoint":1}}}', 422),
        ("GET", "/alarms?cursor=nonsense", None, 400),
        ("GET", "/sensors?cursor=e30", None, 400),
        ("GET", "/alarms?limit=many", None, 422),
        ("GET", "/alarms?limit=-1", None, 422),
        ("GET", "/alarms?since=yesterday", None, 422),
        ("GET", "/sensors/99999999999999999999", None, 404),
        ("GET", "/sensors/x", None, 404),
        ("GET", "/alarms?sate=open", None, 422),
        ("GET", "/nothing", None, 404),
        ("PUT", "/alarms", b"{}", 405),
        ("POST", "/alarms/1.0/acknowledge", b'{"note": 7}', 422),
        ("POST", "/gateways", b'{"id": "' + b"a" * (3 << 20) + b'"}', 413),
        ("POST", "/auth/token", b'{"username": 1}', 422),
    ],
)  # fmt: skip
def test_malformed_http_is_answered_with_a_problem_document(
    plant: Plant, method: str, path: str, body: bytes | None, status: int
) -> None:
    with plant.starter.http() as client:
        answer = client.request(method, f"/api/v1{path}", content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    if status == 422:
        assert all(error["path"] and error["reason"] for error in problem["errors"])
        assert problem["errors"]


def test_an_endless_body_is_cut_off(plant: Plant) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * (1 << 20)

    with plant.starter.http() as client:
        try:
            answer = client.post("/api/v1/gateways", content=endless(), headers=JSON)
        except httpx.WriteError:
            pass  # the door was shut while we were still pushing
        else:
            assert answer.status_code == 413
    plant.witness.goes_on()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
    ],
    ids=["TLS", "wrong length", "endless address", "MQTT"],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(
    plant: Plant, garbage: bytes
) -> None:
    parts = urlsplit(plant.starter.running.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(garbage)
        heard = b""
        try:
            while part := client.recv(65_536):
                heard += part
        except ConnectionResetError:
            pass
    assert heard.startswith(b"HTTP/1.1 4")
    plant.witness.goes_on()


def test_telemetry_over_http_gets_the_same_answers(plant: Plant) -> None:
    bad, now = plant.bad, now_ms()
    with httpx.Client(base_url=f"{plant.starter.running.url}/api/v1/telemetry") as client:
        own = (bad.username, bad.password)

        def post(body: bytes, *, auth: tuple[str, str] = own, to: str = "bad") -> httpx.Response:
            return client.post(f"/{to}", content=body, auth=auth)

        assert post(b"{}", auth=("bad", "wrong")).status_code == 401
        assert post(b"{}", to="victim").status_code == 401
        assert post(b"{").status_code == 422
        assert post(b"{" * 300_000).status_code == 413
        readings = [{"s": "posted", "v": 4.5}, {"s": "nowhere", "v": 1}]
        message = {"ts": now, "boot": "posted", "seq": 1, "readings": readings}
        answer = post(json.dumps(message).encode())
        assert answer.status_code == 200
        assert answer.json()["receipt"]["stored"] == 1
        assert [e["path"] for e in answer.json()["rejected"]["errors"]] == ["readings[1].s"]
    asyncio.run(plant.stored("posted", [4.5], around_ms=now))
    plant.witness.goes_on()
