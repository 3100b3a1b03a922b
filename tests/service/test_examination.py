"""The doctor's findings: about the right process, and never well where nobody looked."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from service import control
from service.clock import now_us
from service.database_examination import examine_database
from service.demo import access_to
from service.examination import look
from service.findings import Finding
from store.database import Database
from store.partitions import DAY_US
from store.recovery import open_epoch
from store.retention import Keep
from tests.service.test_broker_examination import Lawless, data_dir
from tests.store.conftest import Server

__all__ = ["data_dir"]
NOBODY = "postgresql://vedette@127.0.0.1:1/vedette"
NEVER_ASKED = "http://127.0.0.1:1"


def findings(place: Path, broker: Lawless) -> dict[str, Finding]:
    async def run() -> dict[str, Finding]:
        async with broker:
            return {
                finding.code: finding
                async for finding in look(
                    data_dir=place, database_url=NOBODY, broker=access_to(broker), keep=Keep()
                )
            }

    return asyncio.run(run())


@contextmanager
def process_that_may_open(files: int) -> Iterator[int]:
    script = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files})); "
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def test_a_broker_without_rules_that_forgets_at_a_restart_does_not_come_out_well(
    data_dir: Path,
) -> None:
    found = findings(data_dir, Lawless(data_dir, port=0))
    states = {code: finding.state for code, finding in found.items() if "broker" in code}
    assert states == {
        "broker_reached": "ok",
        "broker_probe": "ok",
        "broker_keeps_session": "note",
        "broker_minds_no_rights": "warn",
        "broker_open": "fail",
    }
    assert "persistence true" in found["broker_keeps_session"].text("en")
    assert {"service_absent", "database_unavailable"} <= found.keys()
    assert {"files_enough_here", "files_few_here"} & found.keys()


def test_files_are_those_of_the_running_service_and_its_session_is_left_alone(
    data_dir: Path,
) -> None:
    with process_that_may_open(512) as pid:
        note = control.Running(
            pid=pid, url=NEVER_ASKED, token="", database_url=NOBODY, mqtt_url="",
            mqtt_username="", mqtt_password="",
        )  # fmt: skip
        control.announce(data_dir, note)
        found = findings(data_dir, Lawless(data_dir, port=0))
    few = found["files_few_service"]
    assert few.state == "warn"
    assert (few.values["soft"], few.values["hard"]) == (512, 512)
    assert found["service_unready"].state == "fail"
    assert found.keys() & {"broker_reached", "broker_refuses", "broker_in_use"} == set()


def test_a_reason_is_said_in_the_language_of_its_finding() -> None:
    finding = Finding("broker_refuses", "fail", {"broker": "mqtt://b", "reason": "not authorised"})
    assert "not authorised" in finding.text("en")
    assert "没有权限" in finding.text("zh-CN")


def test_every_finding_has_its_texts_in_both_languages() -> None:
    package = resources.files("service")
    texts = tomllib.loads(package.joinpath("findings.toml").read_text("utf-8"))
    assert all(text.keys() == {"zh-CN", "en"} for text in texts.values())
    source = "".join(
        package.joinpath(name).read_text("utf-8")
        for name in ("examination.py", "database_examination.py")
    )
    named = set(re.findall(r'Finding\(\s*"(\w+)"', source))
    assert len(named) > 25
    assert named <= texts.keys()


def test_a_clock_that_retention_does_not_believe_is_told(server: Server) -> None:
    async def examined(dsn: str) -> dict[str, Finding]:
        return {each.code: each async for each in examine_database(dsn, Keep())}

    async def run() -> None:
        dsn = await server.make(migrated=True)
        assert "retention_believes" in await examined(dsn)  # nothing was ever stored
        database = await Database.connect(dsn)
        await open_epoch(database, "journal", first_position=1, now=now_us() - 9 * DAY_US)
        await database.close()
        found = (await examined(dsn))["retention_disbelieves"]
        await server.drop(dsn)
        assert found.state == "warn"
        assert "8.9 days ahead" in found.text("en")
        assert "8.9 天" in found.text("zh-CN")

    asyncio.run(run())
