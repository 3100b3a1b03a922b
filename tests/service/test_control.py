"""Commands find the service that runs, and nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from service import control

NOTE = control.Running(
    pid=os.getpid(), url="http://127.0.0.1:1", token="secret", database_url="", mqtt_url="",
    mqtt_username="", mqtt_password="",
)  # fmt: skip


def test_a_service_that_left_its_note_is_found(tmp_path: Path) -> None:
    control.announce(tmp_path, NOTE)
    assert control.find(tmp_path).token == "secret"


def test_a_process_that_only_has_the_pid_of_a_killed_service_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    control.announce(tmp_path, NOTE)
    path = control.path_of(tmp_path)
    left = msgspec.json.decode(path.read_bytes(), type=control.Running)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(left, mark="1 1")))
    with pytest.raises(control.NoService, match="has stopped"):
        control.find(tmp_path)
