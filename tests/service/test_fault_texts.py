"""Faults are said in Chinese as they are really worded where they are born."""

from __future__ import annotations

import ast
import asyncio
import errno
import os
import re
import socket
import sqlite3
from pathlib import Path
from types import ModuleType

import pytest
import uvloop

from api.phrases import in_both, in_chinese
from ingest import mqtt, packets, pipeline, wire
from ingest.mqtt import MqttSession
from store.journal import sqlite_file

LATIN_WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def is_chinese(text: str) -> bool:
    """No two English words in a row are left."""
    return re.search(r"[\u4e00-\u9fff]", text) is not None and LATIN_WORDS.search(text) is None


@pytest.mark.parametrize("why", [*packets._REFUSALS.values(), "code 17"])
def test_what_a_broker_refuses_with_is_said_in_chinese(why: str) -> None:
    texts = in_both(f"the broker at broker.example:1883 refuses: {why}")
    assert texts["en"].endswith(why)
    assert is_chinese(texts["zh-CN"])
    assert "broker.example:1883" in texts["zh-CN"]


def faults_in(*modules: ModuleType) -> set[str]:
    """What these modules say of broker, probe and journal; x stands for each part that varies."""
    said = set()
    for module in modules:
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        parts = {
            id(part): "x" if isinstance(part, ast.FormattedValue) else str(ast.literal_eval(part))
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                said.add("".join(parts[id(part)] for part in node.values))
            elif isinstance(node, ast.Constant) and id(node) not in parts:
                said.add(str(node.value))
    begins = re.compile(
        r"the broker (at|has|does|closed)|what is published|the journal (is|failed|x was)"
    )
    return {text for text in said if begins.match(text) and "%" not in text}


def test_every_fault_of_ingest_and_journal_has_its_chinese() -> None:
    said = faults_in(mqtt, pipeline, wire, sqlite_file)
    assert len(said) >= 6
    assert [text for text in said if not is_chinese(in_chinese(text))] == []


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_broker_that_cannot_be_reached_is_said_in_chinese(loop: object) -> None:
    async def fault() -> str:
        with socket.socket() as taken:  # bound, not listened on: refuses
            taken.bind(("127.0.0.1", 0))
            session = MqttSession(
                f"mqtt://127.0.0.1:{taken.getsockname()[1]}",
                client_id="x",
                filters=["x"],
                take=lambda *_: None,
            )
            assert is_chinese(in_chinese(str(session.fault)))
            running = asyncio.create_task(session.run())
            async with asyncio.timeout(5):
                while session.fault == "not connected yet":
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.wait([running])
            return str(session.fault)

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]  # a parameter
        assert is_chinese(in_chinese(runner.run(fault())))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_file_that_cannot_be_written_is_said_in_chinese(number: int) -> None:
    plain = in_chinese(str(OSError(number, os.strerror(number))))
    named = in_chinese(str(OSError(number, os.strerror(number), "/data/standby/checkpoint")))
    assert is_chinese(plain)
    assert named.startswith(plain)
    assert "/data/standby/checkpoint" in named


def test_a_journal_that_fails_is_said_in_chinese(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error) as failure:
        sqlite3.connect(tmp_path / "nowhere" / "journal.sqlite")
    said = str(sqlite_file.unavailable(failure.value))
    assert in_chinese(said) == "日志出错：文件打不开"
    again = f"{said}; and it cannot be opened again: {failure.value}"
    assert in_chinese(again) == "日志出错，且无法重新打开：文件打不开"


def test_what_nobody_foresaw_is_shown_as_it_was_said() -> None:
    assert in_both("flux {capacitor} empty") == {
        "zh-CN": "flux {capacitor} empty",
        "en": "flux {capacitor} empty",
    }
