"""The running demo without a simulated county, as a stranger gets it with `--no-simulate`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.starter import Starter
from tests.conftest import start_demo, stop_demo


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """One site and nothing in it; each test file adds gateways of its own."""
    running = start_demo(tmp_path_factory.mktemp("starter"), "--no-simulate")
    yield Starter(running.data_dir)
    stop_demo(running)
