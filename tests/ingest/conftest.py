"""Real brokers for ingest: the embedded one, and mosquitto under the shipped rules."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.embedded import MosquittoBroker, NatsBroker
from service.embedded.broker import Broker

KINDS: dict[str, type[NatsBroker | MosquittoBroker]] = {
    "nats": NatsBroker,
    "mosquitto": MosquittoBroker,
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
    return KINDS[request.param](data_dir, port=0)
