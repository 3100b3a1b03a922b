"""What `vedette doctor` finds of a real broker, and that looking takes nothing from the service."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from service.broker_examination import NoLogin, OwnLogin, admits_strangers, examine_own_login
from service.brokers import BrokerAccess
from service.demo import access_to
from service.embedded import MosquittoBroker, NatsBroker
from service.embedded.broker import Broker
from service.embedded.place import write_private
from tests.ingest.conftest import ShippedMosquitto
from tests.ingest.test_tls import OURS, MosquittoOverTls

HEALTHY = OwnLogin(own_session=False, returns_probe=True, keeps_session=True, minds_rights=True)
GATEWAY = "gw1"
PASSWORD = "password-of-a-test"


class Without(MosquittoBroker):
    """mosquitto as we set it up, without the lines that begin with these words."""

    words: tuple[str, ...] = ()

    async def prepare(self) -> None:
        await super().prepare()
        lines = self._configuration.read_text(encoding="utf-8").splitlines()
        left = [line for line in lines if not line.startswith(self.words)]
        assert len(left) == len(lines) - len(self.words)
        write_private(self._configuration, "\n".join([*left, ""]), self.account)


class Lawless(Without):
    """What people begin with: sessions in memory, and everybody may do everything."""

    words = ("acl_file", "allow_anonymous", "persistence true", "password_file", "use_username")

    async def prepare(self) -> None:
        await super().prepare()
        text = self._configuration.read_text(encoding="utf-8")
        write_private(self._configuration, f"allow_anonymous true\n{text}", self.account)


class NamesItsClients(Without):
    """A login keeps the client id it gives."""

    words = ("use_username",)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def look(broker: Broker, scene: Callable[[BrokerAccess], Awaitable[None]]) -> None:
    async def run() -> None:
        async with broker:
            await broker.add_gateways({GATEWAY: PASSWORD})
            await broker.admit_gateways()
            await scene(access_to(broker))

    asyncio.run(run())


def as_service(access: BrokerAccess, broker: Broker) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        username=access.username,
        password=access.password,
        identifier=access.client_id,
        clean_session=False,
    )


@pytest.mark.parametrize("kind", [NatsBroker, NamesItsClients, ShippedMosquitto])
def test_a_broker_set_up_as_it_should_be_is_found_well(
    data_dir: Path, kind: type[NatsBroker | MosquittoBroker]
) -> None:
    async def scene(access: BrokerAccess) -> None:
        assert await examine_own_login(access) == HEALTHY
        assert await examine_own_login(access) == HEALTHY, "the first left nothing behind"
        assert not await admits_strangers(access)

    look(kind(data_dir, port=0), scene)


@pytest.mark.parametrize("kind", [NatsBroker, ShippedMosquitto])
def test_looking_takes_nothing_that_is_queued_for_the_service(
    data_dir: Path, kind: type[NatsBroker | MosquittoBroker]
) -> None:
    broker = kind(data_dir, port=0)
    topic = f"vedette/v1/{GATEWAY}/telemetry"

    async def scene(access: BrokerAccess) -> None:
        async with as_service(access, broker) as service:
            await service.subscribe("vedette/v1/+/telemetry", qos=1)
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username=GATEWAY, password=PASSWORD
        ) as gateway:
            await gateway.publish(topic, b"a leak", qos=1)
        seen = await examine_own_login(access)
        assert seen == (HEALTHY if kind is NatsBroker else OwnLogin(own_session=True))
        async with as_service(access, broker) as service, asyncio.timeout(10):
            async for message in service.messages:
                if message.topic.value == topic:
                    assert message.payload == b"a leak"
                    return
        pytest.fail("what was queued is gone")

    look(broker, scene)


def test_a_broker_without_rules_is_not_found_well(data_dir: Path) -> None:
    async def scene(access: BrokerAccess) -> None:
        assert await admits_strangers(access)
        assert await examine_own_login(access) == replace(HEALTHY, minds_rights=False)

    look(Lawless(data_dir, port=0), scene)


def test_why_a_login_fails_is_told(data_dir: Path) -> None:
    async def scene(access: BrokerAccess) -> None:
        with pytest.raises(NoLogin, match=r"not authorised|wrong user name or password"):
            await examine_own_login(replace(access, password="wrong"))
        with pytest.raises(NoLogin, match="Connect call failed"):
            await examine_own_login(replace(access, url="mqtt://127.0.0.1:1"))

    look(NatsBroker(data_dir, port=0), scene)


def test_a_broker_over_tls_is_looked_at_with_the_given_authorities(data_dir: Path) -> None:
    async def scene(access: BrokerAccess) -> None:
        assert await examine_own_login(replace(access, ca_file=OURS)) == HEALTHY
        with pytest.raises(NoLogin, match="CERTIFICATE_VERIFY_FAILED"):
            await examine_own_login(access)

    look(MosquittoOverTls(data_dir, port=0), scene)
