"""The embedded broker after a full disk: it takes messages again by itself, once there is room."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from service.embedded import NatsBroker


@pytest.fixture
def small_disk(data_dir: Path) -> Iterator[Path]:
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = data_dir / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "none", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(path: Path) -> None:
    """Write until not a byte more is taken."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def takes_a_message(broker: NatsBroker, password: str) -> bool:
    """Whether a gateway that connects anew gets its message acknowledged."""
    try:
        async with (
            asyncio.timeout(2),
            aiomqtt.Client(
                "127.0.0.1", broker.port, username="gw1", password=password, identifier="gw1",
                clean_session=False,
            ) as gateway,
        ):  # fmt: skip
            await gateway.publish("vedette/v1/gw1/telemetry", bytes(60_000), qos=1)
            return True
    except (aiomqtt.MqttError, TimeoutError):
        return False


def test_a_broker_that_met_a_full_disk_takes_messages_when_there_is_room_again(
    small_disk: Path,
) -> None:
    async def scene() -> None:
        async with NatsBroker(small_disk, port=0) as broker:
            login = broker.service
            await broker.admit_gateways()
            password = await broker.add_gateway("gw1")
            async with aiomqtt.Client(
                "127.0.0.1", broker.port, username=login.username, password=login.password,
                identifier=login.client_id, clean_session=False,
            ) as session:  # fmt: skip
                await session.subscribe("vedette/v1/+/telemetry", qos=1)
            assert await takes_a_message(broker, password)
            fill(small_disk / "ballast")
            async with asyncio.timeout(30):
                while await takes_a_message(broker, password):
                    pass
            (small_disk / "ballast").unlink()
            async with asyncio.timeout(30):
                while not await takes_a_message(broker, password):
                    await asyncio.sleep(0.1)

    asyncio.run(scene())
