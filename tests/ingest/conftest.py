"""Real brokers for ingest: the embedded one, and mosquitto under `deploy/mosquitto.conf` itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.embedded import MosquittoBroker, NatsBroker
from service.embedded.broker import Broker
from service.embedded.place import write_private

DEPLOY = Path(__file__).parents[2] / "deploy"


class ShippedMosquitto(MosquittoBroker):
    """mosquitto under the files of `deploy/`, with a test's paths, port and user put in."""

    async def prepare(self) -> None:
        await super().prepare()
        self._ship(
            "mosquitto.conf",
            {
                "/etc/mosquitto/vedette.passwd": str(self.directory / "passwords"),
                "/etc/mosquitto/vedette.acl": str(self.directory / "mosquitto.acl"),
                "listener 1883 0.0.0.0": f"listener {self.port} {self.host}",
                "/var/lib/mosquitto/": f"{self.directory}/store/",
            },
        )
        self._ship("mosquitto.acl", {"user vedette": f"user {self.service.username}"})

    def _ship(self, name: str, changes: dict[str, str]) -> None:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for shipped, ours in changes.items():
            assert shipped in text
            text = text.replace(shipped, ours)
        write_private(self.directory / name, text, self.account)


class HastyNats(NatsBroker):
    """nats-server that sends again what is unacknowledged for two seconds instead of five.

    What most tests claim does not hang on the number, and many of them wait for it.
    """

    redelivery_s = 2.0


KINDS: dict[str, type[NatsBroker | MosquittoBroker]] = {
    "nats": NatsBroker,
    "mosquitto": ShippedMosquitto,
}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(params=sorted(KINDS))
def broker(request: pytest.FixtureRequest, data_dir: Path) -> Broker:
    """A broker that has not been started yet."""
    return (KINDS | {"nats": HastyNats})[request.param](data_dir, port=0)


@pytest.fixture(params=sorted(KINDS))
def shipped_broker(request: pytest.FixtureRequest, data_dir: Path) -> Broker:
    """The same with the patience it has in service."""
    return KINDS[request.param](data_dir, port=0)
