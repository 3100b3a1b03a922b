"""Which MQTT client ingest should use: messages/s and CPU of each, acknowledging every 10 ms.

    python benchmarks/bench_mqtt_client.py [mosquitto|nats] [--messages 60000] [--readings 1]

Every client subscribes with a persistent session at QoS 1 and acknowledges by hand, in groups, as
ingest does after the journal's commit. One publisher process with pre-encoded messages feeds it as
fast as the broker takes them. gmqtt is measured with its own, early acknowledgement: for MQTT 3.1.1
it has no other. The figures stand in docs/decisions/0004-mqtt-client.md.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from gmqtt import Client as GmqttClient
from paho.mqtt.enums import CallbackAPIVersion

from ingest import packets
from ingest.mqtt import MqttSession
from ingest.packets import Delivery
from service.embedded import Broker, MosquittoBroker, NatsBroker

TOPIC: Final = "vedette/v1/gw1/telemetry"
FILTER: Final = "vedette/v1/+/telemetry"
PASSWORD: Final = "password-of-a-benchmark"
GROUP_S: Final = 0.01
WINDOW: Final = 2000


def publish(port: int, messages: int, readings: int) -> None:
    """Publish as fast as the broker acknowledges, at most `WINDOW` on the way."""
    listed = ",".join(f'{{"s":"t{number}","v":{number}.5}}' for number in range(readings))
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(
            packets.connect(client_id="bench", username="gw1", password=PASSWORD, keep_alive_s=60)
        )
        wire.recv(4)
        sent = acknowledged = 0
        rest = b""
        while acknowledged < messages:
            while sent < min(messages, acknowledged + WINDOW - 200):
                group = [
                    packets.publish(
                        TOPIC,
                        b'{"ts":%d,"boot":"b","seq":%d,"readings":[%b]}'
                        % (1_772_669_730_000 + seq, seq, listed.encode()),
                        seq % 0xFFFF + 1,
                    )
                    for seq in range(sent + 1, min(sent + 200, messages) + 1)
                ]
                wire.sendall(b"".join(group))
                sent += len(group)
            rest += wire.recv(65_536)
            acknowledged += len(rest) // 4
            rest = rest[len(rest) // 4 * 4 :]


class Counted:
    """Messages taken so far by whichever client is measured."""

    def __init__(self) -> None:
        self.messages = 0


async def with_ours(broker: Broker, counted: Counted, ready: asyncio.Event) -> None:
    waiting: array[int] = array("H")
    of_connection = 0

    def take(connection: int, deliveries: list[Delivery]) -> None:
        nonlocal of_connection
        of_connection = connection
        waiting.extend(one.packet_id for one in deliveries)
        counted.messages += len(deliveries)

    login = broker.service
    session = MqttSession(
        broker.url, client_id=login.client_id, username=login.username, password=login.password,
        filters=[FILTER], take=take,
    )  # fmt: skip
    running = asyncio.create_task(session.run())
    await session.ready.wait()
    ready.set()
    try:
        while True:
            await asyncio.sleep(GROUP_S)
            group, waiting = waiting, array("H")
            session.acknowledge(of_connection, group)
    finally:
        running.cancel()


async def with_paho(broker: Broker, counted: Counted, ready: asyncio.Event) -> None:
    login, loop = broker.service, asyncio.get_running_loop()
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=login.client_id, clean_session=False,
        manual_ack=True,
    )  # fmt: skip
    client.username_pw_set(login.username, login.password)
    waiting: list[tuple[int, int]] = []
    lock = threading.Lock()

    def on_message(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with lock:
            waiting.append((message.mid, message.qos))
        counted.messages += 1

    def on_subscribe(*_: Any) -> None:
        loop.call_soon_threadsafe(ready.set)

    def on_connect(*_: Any) -> None:
        client.subscribe(FILTER, 1)

    client.on_message = on_message
    client.on_subscribe = on_subscribe
    client.on_connect = on_connect
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        while True:
            await asyncio.sleep(GROUP_S)
            with lock:
                group, waiting[:] = list(waiting), []
            for mid, qos in group:
                client.ack(mid, qos)
    finally:
        client.disconnect()
        client.loop_stop()


async def with_gmqtt(broker: Broker, counted: Counted, ready: asyncio.Event) -> None:
    login = broker.service
    client = GmqttClient(login.client_id, clean_session=False)
    client.set_auth_credentials(login.username, login.password)

    def on_message(*_: Any) -> int:
        counted.messages += 1
        return 0

    client.on_message = on_message
    client.on_subscribe = lambda *_: ready.set()
    client.on_connect = lambda *_: client.subscribe(FILTER, qos=1)
    await client.connect("127.0.0.1", broker.port, version=4)
    try:
        await asyncio.Event().wait()
    finally:
        await client.disconnect()


Contender = Callable[[Broker, Counted, asyncio.Event], Coroutine[Any, Any, None]]
CONTENDERS: Final[dict[str, Contender]] = {
    "ours": with_ours,
    "paho": with_paho,
    "gmqtt (acknowledges early)": with_gmqtt,
}


async def measure(broker: Broker, contender: Contender, options: argparse.Namespace) -> str:
    await broker.admit_gateways()
    await broker.add_gateways({"gw1": PASSWORD})
    counted, ready = Counted(), asyncio.Event()
    running = asyncio.create_task(contender(broker, counted, ready))
    await asyncio.wait_for(ready.wait(), 10)
    cpu, begun = time.process_time(), time.monotonic()
    publisher = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--publish-to", str(broker.port),
        "--messages", str(options.messages), "--readings", str(options.readings),
    )  # fmt: skip
    while counted.messages < options.messages and time.monotonic() - begun < 60:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    if publisher.returncode is None:
        publisher.kill()
    await publisher.wait()
    return (
        f"{counted.messages / seconds:8,.0f} msg/s  {1e6 * cpu / counted.messages:5.1f} us/msg"
        f"  {counted.messages:,} of {options.messages:,}"
    )


@contextmanager
def data_directory() -> Iterator[Path]:
    """A directory that the broker's unprivileged account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="bench-mqtt-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


async def main(options: argparse.Namespace) -> None:
    kind = NatsBroker if options.broker == "nats" else MosquittoBroker
    for name, contender in CONTENDERS.items():
        with data_directory() as directory:
            async with kind(directory, port=0) as broker:
                print(f"{options.broker:10} {name:28} {await measure(broker, contender, options)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("broker", nargs="?", choices=("mosquitto", "nats"), default="mosquitto")
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--readings", type=int, default=1)
    parser.add_argument("--publish-to", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.publish_to:
        publish(chosen.publish_to, chosen.messages, chosen.readings)
    else:
        asyncio.run(main(chosen))
