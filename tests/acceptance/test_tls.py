"""A broker over TLS, signed by an authority of the plant's own: service, doctor and simulator."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from service import control
from service.embedded import PostgresServer
from tests.acceptance.commands import environment, vedette
from tests.acceptance.house import until
from tests.ingest.test_tls import OURS, MosquittoOverTls

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def test_service_doctor_and_simulator_trust_the_authorities_of_the_setting() -> None:
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-"))
    directory.chmod(0o711)

    async def run() -> None:
        broker = MosquittoOverTls(directory, port=0)
        async with broker, PostgresServer(directory) as server:
            await broker.admit_gateways()
            login = broker.service
            user = f"{login.username}:{quote(login.password, safe='')}"
            settings: dict[str, str | None] = {
                "VEDETTE_DATABASE_URL": server.dsn,
                "VEDETTE_MQTT_URL": broker.url.replace("://", f"://{user}@"),
                "VEDETTE_MQTT_CA_FILE": str(OURS),
                "VEDETTE_DATA_DIR": str(directory / "service"),
                "VEDETTE_HTTP_PORT": "0",
            }
            first = await asyncio.to_thread(vedette, "doctor", variables=settings)
            assert first.code == 0, first
            assert "the broker lets the service in: mqtts://" in first.output
            assert "the broker's certificate is good for" in first.output
            stranger = {**settings, "VEDETTE_MQTT_CA_FILE": None}
            told = await asyncio.to_thread(vedette, "doctor", variables=stranger)
            assert told.code == 1
            assert "certificate" in told.output
            await serve(directory, settings, broker)

    try:
        asyncio.run(run())
    finally:
        shutil.rmtree(directory)


async def serve(directory: Path, settings: dict[str, str | None], broker: MosquittoOverTls) -> None:
    """A service that takes what a simulated gateway says, both over TLS."""
    log = directory / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "run"],
            env=environment(settings),
            stdout=output,
            stderr=output,
        )
    try:

        async def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return control.path_of(directory / "service").exists()

        await until(ready, within_s=60, what="the service has its session over TLS")
        running = control.find(directory / "service")
        await broker.add_gateway("gw1", "password-of-a-test")
        url = broker.url.replace("://", "://gw1:password-of-a-test@")
        played = await asyncio.to_thread(
            vedette, "simulate", "--broker", url, "--seconds", "2", "--gateways", "1",
            variables=settings,
        )  # fmt: skip
        assert played.code == 0, played
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{running.url}/readyz")).status_code == 200
        beside = await asyncio.to_thread(vedette, "doctor", variables=settings)
        assert beside.code == 0, beside
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)


def test_a_file_of_authorities_that_is_not_there_ends_a_start_with_a_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    told = vedette(
        "run", "--data-dir", str(tmp_path),
        variables={"VEDETTE_MQTT_URL": "mqtts://127.0.0.1:1", "VEDETTE_MQTT_CA_FILE": missing},
    )  # fmt: skip
    told.refused(2, "mqtt_ca_file", missing)
