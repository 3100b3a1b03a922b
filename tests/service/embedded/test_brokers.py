"""Both embedded brokers: who may log in, publish and subscribe, and what they keep."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest

from service.embedded import Broker, MosquittoBroker, NatsBroker, ServerFailed, ServiceLogin, nats
from service.embedded.mosquitto_config import access_rules, server_configuration
from service.embedded.nats import _wheel_program

ROOT = Path(__file__).parents[3]
KINDS = (NatsBroker, MosquittoBroker)
Kind = type[NatsBroker] | type[MosquittoBroker]
Scene = Callable[[Broker], Coroutine[Any, Any, None]]
both = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.part))


def play(kind: Kind, data_dir: Path, scene: Scene, **options: Any) -> None:
    async def run() -> None:
        async with kind(data_dir, port=0, **options) as broker:
            await scene(broker)

    asyncio.run(run())


def client(
    broker: Broker, user: str | None, password: str | None, **options: Any
) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", broker.port, username=user, password=password, **options)


def service(broker: Broker, **options: Any) -> aiomqtt.Client:
    login = broker.service
    return client(broker, login.username, login.password, identifier=login.client_id, **options)


async def can_log_in(broker: Broker, user: str | None, password: str | None) -> bool:
    try:
        async with client(broker, user, password):
            return True
    except aiomqtt.MqttError:
        return False


async def heard(listener: aiomqtt.Client, topic: str, act: Callable[[], Awaitable[None]]) -> bool:
    """Whether the listener, subscribed to everything it may, gets a message on the topic."""
    await act()
    await listener.publish("vedette/v1/_probe/telemetry", b"end", qos=1)
    topics = set()
    async with asyncio.timeout(5):
        async for message in listener.messages:
            if message.payload == b"end":
                return topic in topics
            topics.add(message.topic.value)
    raise AssertionError


@both
def test_nobody_logs_in_without_a_password(kind: Kind, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        await broker.add_gateway("gw1")
        assert not await can_log_in(broker, None, None)
        assert not await can_log_in(broker, "gw1", "wrong")
        assert not await can_log_in(broker, "gw2", None)

    play(kind, data_dir, scene)


@both
def test_an_added_gateway_logs_in_at_once_and_a_removed_one_never_again(
    kind: Kind, data_dir: Path
) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        password = await broker.add_gateway("gw1")
        assert await can_log_in(broker, "gw1", password)
        assert not await can_log_in(broker, "gw1", password + "x")
        renewed = await broker.add_gateway("gw1")
        assert not await can_log_in(broker, "gw1", password)
        assert await can_log_in(broker, "gw1", renewed)
        await broker.remove_gateway("gw1")
        assert not await can_log_in(broker, "gw1", renewed)

    play(kind, data_dir, scene)


@both
def test_gateways_wait_until_they_are_admitted(kind: Kind, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        password = await broker.add_gateway("gw1")
        assert not await can_log_in(broker, "gw1", password)
        async with service(broker):
            await broker.admit_gateways()
            assert await can_log_in(broker, "gw1", password)

    play(kind, data_dir, scene)


@both
def test_passwords_survive_a_restart_and_are_not_written_down(kind: Kind, data_dir: Path) -> None:
    async def first() -> str:
        async with kind(data_dir, port=0) as broker:
            return await broker.add_gateway("gw1")

    async def second(password: str) -> None:
        async with kind(data_dir, port=0) as broker:
            await broker.admit_gateways()
            assert broker.gateways == {"gw1"}
            assert await can_log_in(broker, "gw1", password)
            for path in broker.directory.rglob("*"):
                if path.is_file():
                    assert password.encode() not in path.read_bytes()

    asyncio.run(second(asyncio.run(first())))


@both
def test_a_hundred_gateways_added_together_take_one_change(kind: Kind, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        async with asyncio.timeout(5):
            passwords = await asyncio.gather(
                *(broker.add_gateway(f"gw{number}") for number in range(100))
            )
        assert len(broker.gateways) == 100
        assert await can_log_in(broker, "gw0", passwords[0])
        assert await can_log_in(broker, "gw99", passwords[99])

    play(kind, data_dir, scene)


@both
@pytest.mark.parametrize("name", ["", "a b", "gw/1", "+", "#", "*", "gw.1", "_vedette", "x" * 65])
def test_a_name_that_could_reach_further_is_refused(kind: Kind, name: str, data_dir: Path) -> None:
    broker = kind(data_dir, port=0)
    with pytest.raises(ValueError, match="not a gateway id"):
        asyncio.run(broker.add_gateway(name))


@both
@pytest.mark.parametrize("topic", ["telemetry", "backfill", "status"])
def test_a_gateway_publishes_on_its_own_topics(kind: Kind, topic: str, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        password = await broker.add_gateway("gw1")
        async with service(broker) as listener, client(broker, "gw1", password) as gateway:
            await listener.subscribe([(f"vedette/v1/+/{kind}", 1) for kind in ("telemetry", topic)])
            own = f"vedette/v1/gw1/{topic}"
            assert await heard(listener, own, lambda: gateway.publish(own, b"x", qos=1))

    play(kind, data_dir, scene)


@both
@pytest.mark.parametrize(
    "topic",
    [
        "vedette/v1/gw2/telemetry",
        "vedette/v1/gw1/receipt",
        "vedette/v1/gw2/status",
        "vedette/v1/_probe/telemetry",
    ],
)
def test_a_gateway_publishes_nowhere_else(kind: Kind, topic: str, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        password = await broker.add_gateway("gw1")
        async with service(broker) as listener, client(broker, "gw1", password) as gateway:
            for wanted in ("telemetry", "status", "backfill"):
                await listener.subscribe(f"vedette/v1/+/{wanted}", 1)
            assert not await heard(listener, topic, lambda: gateway.publish(topic, b"x", qos=1))

    play(kind, data_dir, scene)


@both
def test_a_gateway_hears_its_own_answers_and_nobody_elses(kind: Kind, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        words = {name: await broker.add_gateway(name) for name in ("gw1", "gw2")}
        async with service(broker) as sender, client(broker, "gw1", words["gw1"]) as curious:
            await curious.subscribe("vedette/v1/gw1/receipt", 1)
            for topic in ("vedette/v1/gw2/receipt", "vedette/v1/+/receipt", "#"):
                with suppress(aiomqtt.MqttError):
                    await curious.subscribe(topic, 1)
            await sender.publish("vedette/v1/gw2/receipt", b"for two", qos=1)
            await sender.publish("vedette/v1/gw1/receipt", b"for one", qos=1)
            async with asyncio.timeout(5):
                async for message in curious.messages:
                    assert message.payload == b"for one"
                    break

    play(kind, data_dir, scene)


@both
def test_a_gateway_that_borrows_the_services_name_takes_nothing_over(
    kind: Kind, data_dir: Path
) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        words = {name: await broker.add_gateway(name) for name in ("gw1", "gw2")}
        async with service(broker) as listener:
            await listener.subscribe("vedette/v1/+/telemetry", 1)
            # mosquitto's client ids are user names; nats's, for the service, is a secret.
            for guess in (broker.service.username, "vedette", "gw2"):
                async with client(broker, "gw1", words["gw1"], identifier=guess) as gateway:
                    own = "vedette/v1/gw1/telemetry"
                    say = partial(gateway.publish, own, b"x", qos=1)
                    assert await heard(listener, own, say)

    play(kind, data_dir, scene)


@both
def test_a_taken_port_is_told_and_the_stranger_there_hears_nothing_from_us(
    kind: Kind, data_dir: Path
) -> None:
    heard: list[bytes] = []

    async def scene() -> None:
        async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(200))
            writer.close()

        async with await asyncio.start_server(stranger, "127.0.0.1", 0) as taken:
            port = taken.sockets[0].getsockname()[1]
            with pytest.raises(ServerFailed, match=rf"127\.0\.0\.1:{port}.*taken.*--mqtt-port"):
                async with kind(data_dir, port=port):
                    pass

    asyncio.run(scene())
    assert heard == []


def test_nats_that_dies_during_the_launchers_first_login_is_started_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncio.open_connection
    killed: list[int | None] = []

    async def scene(broker: Broker) -> None:
        async def connect_and_kill(host: str, port: int, **options: Any) -> Any:
            line = await connect(host, port, **options)
            if port == broker.port and len(killed) == 1:
                killed.append(broker.pid)
                broker.signal(signal.SIGKILL)
            return line

        monkeypatch.setattr(asyncio, "open_connection", connect_and_kill)
        killed.append(broker.pid)
        broker.signal(signal.SIGKILL)
        async with asyncio.timeout(15):
            while len(killed) < 2 or broker.pid in (None, *killed) or not await broker.is_ready():
                await asyncio.sleep(0.02)
        async with service(broker):
            pass

    play(NatsBroker, data_dir, scene)


def test_nats_gets_nothing_of_our_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEDETTE_ADMIN_PASSWORD", "correct horse 7 battery")
    seen = data_dir / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    program = shutil.copy(_wheel_program(), data_dir / "program")  # where its account can reach it
    spy = data_dir / "nats-server"
    spy.write_text(f'#!/bin/sh\nenv >{seen}/$$\nexec {program} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setattr(nats, "_wheel_program", lambda: spy)

    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        await broker.add_gateway("gw1")

    play(NatsBroker, data_dir, scene)
    environments = [file.read_text() for file in seen.iterdir()]
    assert len(environments) == 3  # the server, and two checks of its users
    assert not any("VEDETTE" in text for text in environments)


def test_mosquitto_listens_where_it_is_told_and_nowhere_else(data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        wires = psutil.Process(broker.pid).net_connections("inet")
        assert [wire.laddr for wire in wires if wire.status == psutil.CONN_LISTEN] == [
            ("127.0.0.1", broker.port)
        ]

    play(MosquittoBroker, data_dir, scene)


def test_nats_says_who_published_where_he_may_not(data_dir: Path) -> None:
    reported: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        password = await broker.add_gateway("gw1")
        async with client(broker, "gw1", password, identifier="another-name") as gateway:
            for _ in range(50):
                await gateway.publish("vedette/v1/gw2/telemetry", b"x", qos=1)
        async with asyncio.timeout(5):
            assert await reported.get() == ("gw1", "vedette/v1/gw2/telemetry")
        # Repeats within a second are not news.
        assert reported.qsize() <= 1

    play(
        NatsBroker,
        data_dir,
        scene,
        on_violation=lambda who, where: reported.put_nowait((who, where)),
    )


@both
def test_what_is_queued_for_the_service_survives_a_kill_of_the_broker(
    kind: Kind, data_dir: Path
) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        password = await broker.add_gateway("gw1")
        async with service(broker, clean_session=False) as listener:
            await listener.subscribe("vedette/v1/+/telemetry", 1)
        async with client(broker, "gw1", password) as gateway:
            for number in range(100):
                await gateway.publish("vedette/v1/gw1/telemetry", str(number).encode(), qos=1)
        if isinstance(broker, MosquittoBroker):
            saved = broker.directory / "store" / "mosquitto.db"
            async with asyncio.timeout(15):  # it saves every five seconds
                while not (saved.exists() and b"99" in saved.read_bytes()):
                    await asyncio.sleep(0.1)
        port, killed = broker.port, broker.pid
        broker.signal(signal.SIGKILL)
        async with asyncio.timeout(15):
            while broker.pid in (None, killed) or not await broker.is_ready():
                await asyncio.sleep(0.02)
        assert broker.port == port
        got: set[int] = set()
        async with asyncio.timeout(20), service(broker, clean_session=False) as listener:
            async for message in listener.messages:
                got.add(int(message.payload))
                if len(got) == 100:
                    break
        assert got == set(range(100))

    play(kind, data_dir, scene)


@both
def test_only_the_servers_own_account_reads_its_files(kind: Kind, data_dir: Path) -> None:
    async def scene(broker: Broker) -> None:
        await broker.admit_gateways()
        await broker.add_gateway("gw1")
        for path in set(broker.directory.iterdir()) - {broker.directory / "server.pid"}:
            if path.name.startswith("programs-"):
                continue  # a copy of the program, no secret
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        secret = broker.directory / "service.json"
        assert secret.stat().st_uid == os.geteuid()

    play(kind, data_dir, scene)


def test_the_shipped_configuration_is_the_tested_one() -> None:
    def rules(text: str) -> set[str]:
        lines = {line.strip() for line in text.splitlines()}
        placed = ("#", "password_file", "acl_file", "listener", "persistence_location", "user ")
        return {line for line in lines if line and not line.startswith(placed)}

    somewhere = Path("/x")
    tested = server_configuration(
        host="h", port=1, passwords=somewhere, access=somewhere, store=somewhere
    )
    assert rules((ROOT / "deploy" / "mosquitto.conf").read_text()) == rules(tested)
    login = ServiceLogin("vedette", "", "")
    assert rules((ROOT / "deploy" / "mosquitto.acl").read_text()) == rules(access_rules(login))
