"""A directory that the broker's unprivileged account may enter too, unlike pytest's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)
