"""Every command of `vedette --help`, as a user types it beside a running demo."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import httpx
import pytest

from service.commands import app
from service.county import Played, keep_county
from simulators.broker import Login
from simulators.county import county_registry
from tests.acceptance.commands import Result, vedette
from tests.acceptance.house import House, until
from tests.acceptance.starter import Starter, box_on
from tests.service.test_broker_examination import Lawless

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

GOOD = "correct horse 8 battery"


@dataclass(frozen=True)
class Shell:
    """Commands on the demo's data directory, and its HTTP surface."""

    starter: Starter

    def __call__(
        self, *words: str, given: str = "", variables: Mapping[str, str | None] | None = None
    ) -> Result:
        place = ("--data-dir", str(self.starter.data_dir))
        return vedette(*words, *place, given=given, variables=variables)

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
    ("words", "told"),
    [
        ("nonsense", "no such command 'nonsense'; choose from bench"),
        ("user", "user: missing command; choose from add, password, list"),
        ("user nonsense", "user: no such command 'nonsense'; choose from add"),
        ("gateway add", "gateway add: missing argument 'ID'"),
        ("gateway add gw1", "gateway add: missing option '--site'"),
        ("demo --port abc", "demo: invalid value for '--port': must be a valid integer"),
        ("demo --mqtt-port 65536", "'--mqtt-port': must be less than or equal to 65535"),
        ("demo --sites 0", "'--sites': must be greater than or equal to 1"),
        ("demo --prot 1", "no such option: --prot"),
        ("simulate --scenario", "'--scenario' requires an argument"),
    ],
)
def test_wrong_use_is_told_in_one_line_with_exit_code_2(words: str, told: str) -> None:
    done = vedette(*words.split())
    done.refused(2, told, "--help`")
    assert done.errors.count("\n") == 1
    assert done.output == ""


def test_a_user_is_added_signs_in_and_gets_another_password(shell: Shell) -> None:
    shell.does(
        "user", "add", "li", "--role", "operator", "--scope", "site-1", "--password-stdin",
        given=f"{GOOD}\n",
    )  # fmt: skip
    assert re.search(r"^li +operator +site:site-1$", shell.does("user", "list"), re.MULTILINE)
    assert shell.signs_in("li", GOOD)
    shell.does("user", "password", "li", "--password-stdin", given="another horse 9 battery\n")
    assert shell.signs_in("li", "another horse 9 battery")
    assert not shell.signs_in("li", GOOD)


def test_what_is_wrong_with_a_user_is_told(shell: Shell) -> None:
    add = ("user", "add", "wang", "--password-stdin", "--role")
    shell(*add, "king", given=f"{GOOD}\n").refused(2, "--role king", "admin")
    shell(*add, "viewer", given="short\n").refused(2, "fewer than")
    shell("user", "add", "wang", "--role", "viewer").refused(2, "--password-stdin")
    shell(*add, "viewer", "--scope", "nowhere", given=f"{GOOD}\n").refused(2, "nowhere")
    again = ("user", "add", "admin", "--role", "admin", "--password-stdin")
    shell(*again, given=f"{GOOD}\n").refused(2, "admin")
    shell("user", "password", "nobody", "--password-stdin", given=f"{GOOD}\n").refused(2, "nobody")


def test_a_token_is_printed_once_works_and_is_revoked(shell: Shell) -> None:
    token = shell.does("token", "add", "script").strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", token)
    assert shell.status("/sites", token=token) == 200
    shell("token", "add", "script").refused(2, "script")
    shell("token", "add", "other", "--user", "nobody").refused(2, "nobody")
    shell("token", "add", "other", "--gateway", "nobody").refused(2, "nobody")
    shell.does("token", "revoke", "script")
    assert shell.status("/sites", token=token) == 401
    shell("token", "revoke", "script").refused(2, "script")


def test_a_region_an_enterprise_or_a_site_is_meant_and_never_guessed(shell: Shell) -> None:
    with shell.starter.http() as client:
        town = {"id": "twin", "name": "Town", "kind": "town", "parent": "county"}
        assert client.post("/api/v1/regions", json=town).status_code == 201
        works = {"id": "twin", "name": "Works", "region": "county"}
        assert client.post("/api/v1/enterprises", json=works).status_code == 201
    add = ("user", "add", "zhao", "--role", "viewer", "--password-stdin", "--scope")
    ways = "region:twin, enterprise:twin"
    shell(*add, "twin", given=f"{GOOD}\n").refused(2, "--scope twin", ways)
    shell(*add, "site:twin", given=f"{GOOD}\n").refused(2, "--scope site:twin")
    shell(*add, "city:twin", given=f"{GOOD}\n").refused(2, "--scope city:twin")
    shell.does(*add, "enterprise:twin", given=f"{GOOD}\n")
    assert "enterprise:twin" in shell.does("user", "list")


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_service(shell: Shell) -> None:
    closed = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:1")
    told = shell("gateway", "list", variables={**closed, "no_proxy": None, "NO_PROXY": None})
    assert told.code == 0, told


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
    shell("gateway", "add", "no spaces", "--site", "site-1").refused(2, "id")
    shell("gateway", "add", "ok", "--site", "nowhere").refused(2, "nowhere")
    shell.does("gateway", "add", "taken", "--site", "site-1")
    shell("gateway", "add", "taken", "--site", "site-1").refused(2, "taken")
    sensor = ("sensor", "add", "nobody", "t")
    shell(*sensor, "--measurand", "GAS_LEL").refused(2, "nobody")
    shell("sensor", "add", "taken", "t", "--measurand", "GOLD").refused(2, "GOLD")
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


def test_the_doctor_says_why_a_service_is_not_ready() -> None:
    async def run() -> None:
        async with House(gateways=1, sensors=1) as house:
            service = await house.add_service("service")
            service.start()
            running = await service.ready()
            await house.stop_postgres()

            async def unready() -> bool:
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"{running.url}/readyz")).status_code == 503

            await until(unready, within_s=20, what="the service misses its database")
            told = await asyncio.to_thread(vedette, "doctor", variables=service.environment)
            assert told.code == 1
            [first, *_] = told.output.splitlines()
            assert first.startswith("fail the service runs but is not ready: "), told.output
            assert "None" not in first
            assert "database" in first

    asyncio.run(run())


def test_migrate_says_that_the_schema_is_up_to_date(shell: Shell, tmp_path: Path) -> None:
    away = {"VEDETTE_DATABASE_URL": "postgresql://vedette@127.0.0.1:1/vedette"}
    told = shell("migrate", variables=away)  # the running demo's database goes before
    assert (told.code, told.output) == (0, "the schema is up to date\n")
    elsewhere = ("migrate", "--data-dir", str(tmp_path))
    for words in (elsewhere, ("user", "list", "--data-dir", str(tmp_path))):
        told = vedette(*words, variables=away)
        told.refused(1, "not available", "start PostgreSQL or mend VEDETTE_DATABASE_URL")
    url = {"VEDETTE_DATABASE_URL": shell.starter.running.database_url}
    assert vedette(*elsewhere, variables=url).output == "the schema is up to date\n"


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
    play = ("simulate", "--data-dir", str(tmp_path))
    vedette(*play).refused(2, "county.json", "vedette demo", "--broker mqtt://host:port")
    given = str(tmp_path / "given.json")
    vedette(*play, "--broker", "mqtt://host", "--county", given).refused(2, given)
    keep_county(tmp_path, Played(1, 1, {}))
    missing = str(tmp_path / "nothing.toml")
    vedette(*play, "--broker", "mqtt://host", "--scenario", missing).refused(2, missing)
    vedette(*play, "--broker", "localhost").refused(2, "localhost")
    vedette(*play, "--broker", "mqtt://[::1").refused(2, "mqtt://[::1")
    truth = str(tmp_path / "no" / "truth.jsonl")
    vedette(*play, "--broker", "mqtt://host", "--truth", truth).refused(2, f"--truth {truth}")
    authorities = {"VEDETTE_MQTT_CA_FILE": missing}
    told = vedette(*play, "--broker", "mqtts://host", variables=authorities)
    told.refused(2, "mqtt_ca_file", missing)


def test_simulate_plays_the_demos_county_against_any_broker(tmp_path: Path) -> None:
    async def run() -> None:
        place = Path(tempfile.mkdtemp(prefix="vedette-test-"))
        place.chmod(0o711)
        broker = Lawless(place, port=0)
        async with broker, aiomqtt.Client("127.0.0.1", broker.port) as listener:
            await listener.subscribe("vedette/v1/+/telemetry", qos=1)
            played = await asyncio.to_thread(
                vedette, "simulate", "--data-dir", str(tmp_path), "--seconds", "3",
                "--broker", broker.url,
            )  # fmt: skip
            assert (played.code, played.errors) == (0, ""), played
            assert "100 gateways" in played.output
            async with asyncio.timeout(10):
                async for message in listener.messages:
                    assert json.loads(bytes(message.payload))["readings"]
                    break
        shutil.rmtree(place)

    asyncio.run(run())


def test_simulate_logs_in_as_the_user_of_the_url(shell: Shell, tmp_path: Path) -> None:
    """The embedded broker knows the user, and nobody by the gateways' own names."""
    own = shell.starter.running.mqtt_url
    shell("simulate", "--broker", own).refused(2, "county.json", "vedette demo")
    added = shell.does("gateway", "add", "anybody", "--site", "site-1")
    [password] = re.findall(r"^password +(\S+)", added, re.MULTILINE)
    port = shell.starter.mqtt_port
    play = ("simulate", "--data-dir", str(tmp_path), "--seconds", "2", "--gateways", "1")
    told = vedette(*play, "--broker", f"mqtt://anybody:{password}@127.0.0.1:{port}")
    assert told.code == 0, told
    vedette(*play, "--broker", f"mqtt://127.0.0.1:{port}").refused(
        1, "lets no gateway in", str(port)
    )
    vedette(*play, "--broker", "mqtt://127.0.0.1:1").refused(1, "cannot be reached", "port 1")
    load = (*play, "--load", "10", "--broker", "mqtt://127.0.0.1:1")
    vedette(*load).refused(1, "cannot be reached", "port 1")


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


def test_bench_refuses_a_broker_and_a_place_it_cannot_use(tmp_path: Path) -> None:
    vedette("bench", "--broker", "rabbit").refused(2, "--broker rabbit")
    vedette("bench", "--broker", "mqtt://host:port").refused(2, "--broker mqtt://host:port")
    (tmp_path / "file").write_text("in the way")
    place = str(tmp_path / "file" / "data")
    vedette("bench", "--data-dir", place).refused(1, place)


@pytest.mark.parametrize("command", ["demo", "run"])
def test_the_port_of_the_settings_is_listened_on(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = (command, "--data-dir", str(tmp_path))
        options = ("--mqtt-port", "0") if command == "demo" else ()
        told = vedette(*words, *options, variables={"VEDETTE_HTTP_PORT": port})
        told.refused(1, port, "VEDETTE_HTTP_PORT")
