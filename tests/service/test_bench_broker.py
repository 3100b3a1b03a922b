"""A bench at a broker that others run: over TLS, and nothing is left behind there."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from ingest import packets
from service.bench.given import GivenBroker
from service.bench.measures import layer_alone
from service.bench.scene import cast_of
from service.brokers import WrongBrokerUrl
from service.embedded.place import write_private
from tests.ingest.conftest import data_dir  # noqa: F401 - a fixture
from tests.ingest.test_tls import OURS, MosquittoOverTls


class ForOneUser(MosquittoOverTls):
    """The broker a bench asks for: one user does everything, under client ids of his own."""

    async def prepare(self) -> None:
        await super().prepare()
        lines = self._configuration.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line != "use_username_as_clientid true"]
        assert len(kept) == len(lines) - 1
        write_private(self._configuration, "\n".join([*kept, ""]), self.account)
        rules = f"user {self.service.username}\ntopic readwrite vedette/v1/#\n"
        write_private(self.directory / "mosquitto.acl", rules, self.account)


async def session_was_there(broker: GivenBroker, port: int) -> bool:
    """Whether the broker still keeps the bench's session (CONNACK, 3.2.2.2)."""
    login = broker.service
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=ssl.create_default_context(cafile=OURS)
    )
    writer.write(
        packets.connect(
            client_id=login.client_id,
            username=login.username,
            password=login.password,
            keep_alive_s=15,
        )
    )
    kind, _, present, refused = await reader.readexactly(4)
    writer.close()
    assert (kind, refused) == (packets.Kind.CONNACK, 0)
    return bool(present)


def test_a_bench_measures_over_tls_and_leaves_no_session_behind(
    data_dir: Path,  # noqa: F811
) -> None:
    async def run() -> None:
        async with ForOneUser(data_dir, port=0) as broker:
            login = broker.service
            user = f"{login.username}:{quote(login.password, safe='')}"
            url = broker.url.replace("://", f"://{user}@")
            given = GivenBroker(url, OURS)
            flow = await layer_alone(cast_of(1, 1, url, OURS), given, seconds=0.2, per_message=1)
            assert flow.consumed == flow.published > 0
            assert await session_was_there(given, broker.port)
            await given.forget()
            assert not await session_was_there(given, broker.port)

    asyncio.run(run())


def test_authorities_that_cannot_be_read_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(WrongBrokerUrl, match="mqtt_ca_file"):
        GivenBroker("mqtts://u:p@broker.example", tmp_path / "missing.pem")
