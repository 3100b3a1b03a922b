"""Every command of `vedette --help`, as a user types it beside a running demo."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.commands import app
from service.county import Played, keep_county
from simulators.broker import Login
from simulators.county import county_registry
from tests.acceptance.commands import Result, vedette
from tests.acceptance.house import until
from tests.acceptance.starter import Starter, box_on

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

GOOD = "correct horse 8 battery"


@dataclass(frozen=True)
class Shell:
    """Commands on the demo's data directory, and its HTTP surface."""

    starter: Starter

    def __call__(self, *words: str, given: str = "") -> Result:
        return vedette(*words, "--data-dir", str(self.starter.data_dir), given=given)

    def does(self, *words: str, given: str = "") -> str:
        done = self(*words, given=given)
        assert (done.code, done.errors) == (0, ""), done
        return done.output

    def status(self, path: str, *, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.starter.running.url}/api/v1{path}"
        return httpx.get(url, headers=headers).status_code

    def signs_in(self, name: str, password: str) -> bool:
        url = f"{self.starter.running.url}/api/v1/auth/session"
        answer = httpx.post(url, json={"username": name, "password": password})
        return answer.status_code == 200

    def sees_soon(self, path: str, status: int, *, token: str) -> None:
        async def claim() -> bool:
            return self.status(path, token=token) == status

        asyncio.run(until(claim, within_s=5, what=f"{path} answers {status}"))


@pytest.fixture(scope="module")
def shell(starter: Starter) -> Shell:
    return Shell(starter)


def test_help_lists_every_command_and_each_has_its_own_help() -> None:
    told = vedette("--help")
    assert told.code == 0
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    names = [command.name for command in app.registered_commands] + list(groups)
    for name in names:
        assert name is not None
        assert re.search(rf"\b{name}\b", told.output)
    for words in (["user", "add"], ["token", "revoke"], ["sensor", "add"], ["bench"]):
        assert vedette(*words, "--help").code == 0


@pytest.mark.parametrize(
    "words", [["nonsense"], ["user", "nonsense"], ["gateway", "add"], ["demo", "--sites", "none"]]
)
def test_wrong_use_is_told_with_exit_code_2(words: list[str]) -> None:
    told = vedette(*words)
    assert told.code == 2
    assert "Traceback" not in told.errors
    assert told.errors


def test_a_user_is_added_signs_in_and_gets_another_password(shell: Shell) -> None:
    shell.does(
        "user", "add", "li", "--role", "operator", "--scope", "site-1", "--password-stdin",
        given=f"{GOOD}\n",
    )  # fmt: skip
    assert re.search(r"^li +operator +site-1$", shell.does("user", "list"), re.MULTILINE)

    async def signs_in() -> bool:
        return shell.signs_in("li", GOOD)

    asyncio.run(until(signs_in, within_s=5, what="li can sign in"))
    shell.does("user", "password", "li", "--password-stdin", given="another horse 9 battery\n")

    async def changed() -> bool:
        return shell.signs_in("li", "another horse 9 battery")

    asyncio.run(until(changed, within_s=5, what="the new password counts"))
    assert not shell.signs_in("li", GOOD)


def test_what_is_wrong_with_a_user_is_told(shell: Shell) -> None:
    add = ("user", "add", "wang", "--password-stdin", "--role")
    shell(*add, "king", given=f"{GOOD}\n").refused(2, "--role king", "admin")
    shell(*add, "viewer", given="short\n").refused(2, "fewer than")
    shell(*add, "viewer", "--scope", "nowhere", given=f"{GOOD}\n").refused(1, "nowhere")
    again = ("user", "add", "admin", "--role", "admin", "--password-stdin")
    shell(*again, given=f"{GOOD}\n").refused(1, "admin")
    shell("user", "password", "nobody", "--password-stdin", given=f"{GOOD}\n").refused(1, "nobody")


def test_a_token_is_printed_once_works_and_is_revoked(shell: Shell) -> None:
    token = shell.does("token", "add", "script").strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", token)
    shell.sees_soon("/sites", 200, token=token)
    shell("token", "add", "script").refused(1, "script")
    shell("token", "add", "other", "--user", "nobody").refused(1, "nobody")
    shell.does("token", "revoke", "script")
    shell.sees_soon("/sites", 401, token=token)
    shell("token", "revoke", "script").refused(1, "script")


def test_a_box_is_connected_in_two_commands(shell: Shell) -> None:
    told = shell.does("gateway", "add", "box", "--site", "site-1", "--name", "锅炉房")
    facts = dict(line.split(None, 1) for line in told.splitlines() if len(line.split()) == 2)
    assert facts["username"] == "box"
    assert f"{shell.starter.mqtt_port}" in facts["broker"]
    assert "vedette/v1/box/telemetry" in told
    limits = shell.does(
        "sensor", "add", "box", "lel", "--measurand", "GAS_LEL", "--limit", "HH=40", "--limit",
        "H=20", "--name", "甲烷",
    )  # fmt: skip
    assert re.search(r"HH 40 ", limits)
    assert re.search(r"H  20 ", limits)

    async def talk() -> None:
        login = Login("box", facts["password"])
        async with box_on(shell.starter.mqtt_port, login) as box:
            now = time.time_ns() // 1_000_000
            message = {"boot": "b", "seq": 1, "ts": now, "readings": [{"s": "lel", "v": 45}]}
            await box.send(message)
            await box.receipted(1)

    asyncio.run(talk())
    [alarm] = shell.starter.open_alarms("box")
    assert (alarm["level"], alarm["limit"]) == ("HH", 40)
    [row] = [line for line in shell.does("gateway", "list").splitlines() if "box" in line]
    assert "site-1" in row
    assert "never" not in row


def test_what_is_wrong_with_a_box_is_told(shell: Shell) -> None:
    shell("gateway", "add", "no spaces", "--site", "site-1").refused(1, "id")
    shell("gateway", "add", "ok", "--site", "nowhere").refused(1, "nowhere")
    sensor = ("sensor", "add", "nobody", "t")
    shell(*sensor, "--measurand", "GAS_LEL").refused(1, "nobody")
    shell(*sensor, "--measurand", "GOLD").refused(1)
    shell(*sensor, "--measurand", "GAS_LEL", "--limit", "HH").refused(2, "--limit HH")
    shell(*sensor, "--measurand", "GAS_LEL", "--limit", "XX=1").refused(2, "--limit XX=1")


def test_the_doctor_finds_a_healthy_demo_healthy(shell: Shell) -> None:
    told = shell("doctor")
    assert told.code == 0, told
    lines = told.output.splitlines()
    assert len(lines) >= 8
    assert not [line for line in lines if line.startswith("fail")]
    assert "PostgreSQL" in told.output


def test_the_doctor_names_what_is_missing_and_exits_with_1(tmp_path: Path) -> None:
    told = vedette(
        "doctor", "--data-dir", str(tmp_path),
        variables={
            "VEDETTE_DATABASE_URL": "postgresql://vedette@127.0.0.1:1/vedette",
            "VEDETTE_MQTT_URL": "mqtt://127.0.0.1:1",
            "LC_ALL": "C.UTF-8",
        },
    )  # fmt: skip
    assert told.code == 1
    assert "Traceback" not in told.errors
    failed = [line for line in told.output.splitlines() if line.startswith("fail")]
    assert len(failed) == 2


def test_migrate_says_that_the_schema_is_up_to_date(shell: Shell) -> None:
    url = shell.starter.running.database_url
    told = vedette("migrate", variables={"VEDETTE_DATABASE_URL": url})
    assert (told.code, told.output) == (0, "the schema is up to date\n")
    away = "postgresql://vedette@127.0.0.1:1/vedette"
    vedette("migrate", variables={"VEDETTE_DATABASE_URL": away}).refused(1, "not available")


def test_simulate_plays_a_county_for_some_seconds_and_writes_the_truth(
    shell: Shell, tmp_path: Path
) -> None:
    county = tmp_path / "simulator" / "county.json"
    keep_county(tmp_path, Played(1, 1, {}))

    [gateway, *_] = county_registry(1, 1).gateways
    broker = f"mqtt://127.0.0.1:{shell.starter.mqtt_port}"
    with shell.starter.http() as client:
        answer = client.post("/api/v1/gateways", json={"id": gateway.id, "site": "site-1"})
        assert answer.status_code == 201
        keep_county(tmp_path, Played(1, 1, {gateway.id: answer.json()["mqtt"]["password"]}))
    truth = tmp_path / "truth.jsonl"
    told = vedette(
        "simulate", "--county", str(county), "--broker", broker, "--seconds", "4",
        "--gateways", "1", "--truth", str(truth), "--data-dir", str(tmp_path),
    )  # fmt: skip
    assert told.code == 0, told
    assert told.output.startswith("playing ")
    assert all(isinstance(json.loads(line), dict) for line in truth.read_text().splitlines())
    with shell.starter.http() as client:
        seen = client.get(f"/api/v1/gateways/{gateway.id}").json()
    assert seen["messages"] > 0


def test_what_simulate_lacks_is_told(tmp_path: Path) -> None:
    vedette("simulate", "--data-dir", str(tmp_path)).refused(2, "county.json", "vedette demo")
    keep_county(tmp_path, Played(1, 1, {}))
    missing = str(tmp_path / "nothing.toml")
    play = ("simulate", "--data-dir", str(tmp_path))
    vedette(*play, "--scenario", missing).refused(2, missing)
    vedette(*play, "--broker", "localhost").refused(2, "localhost")


@pytest.mark.parametrize(
    ("only", "words"), [("engine", "one process"), ("ingest,cook", "unknown role cook")]
)
def test_run_refuses_roles_it_cannot_split(tmp_path: Path, only: str, words: str) -> None:
    told = vedette("run", "--only", only, "--data-dir", str(tmp_path))
    told.refused(2, f"--only {only}", words)


def test_without_a_service_commands_say_how_to_start_one(tmp_path: Path) -> None:
    for words in (["gateway", "list"], ["gateway", "add", "g", "--site", "s"]):
        told = vedette(*words, "--data-dir", str(tmp_path))
        told.refused(1, f"no service runs on {tmp_path}", "vedette demo")


def test_bench_refuses_a_broker_it_does_not_know() -> None:
    vedette("bench", "--broker", "rabbit").refused(2, "--broker rabbit")
