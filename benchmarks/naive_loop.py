"""The baseline of `vedette bench`: aiomqtt, json, and one INSERT for each reading.

This is what a first script looks like, and what tutorials show: subscribe, decode, insert. It keeps
no journal, judges nothing, acknowledges on receipt, and forgets what it was doing when it dies.

    python benchmarks/naive_loop.py --broker mqtt://user:password@127.0.0.1:1883 \
        --database postgresql://user:password@127.0.0.1/db --seconds 20

Prints one JSON object: messages, readings, seconds (from the first message to the last insert),
messages_per_s, cpu_us_per_message. Ends after --seconds, or 3 s after the last message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
import asyncpg

TABLE = """
    DROP TABLE IF EXISTS naive_readings;
    CREATE TABLE naive_readings (
        ts timestamptz NOT NULL, gateway text NOT NULL, tag text NOT NULL, value double precision,
        PRIMARY KEY (ts, gateway, tag)
    )
"""
INSERT = """
    INSERT INTO naive_readings (ts, gateway, tag, value) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""
QUIET_S = 3.0


class Tally:
    """Counts, and when the first message and the last insert were."""

    def __init__(self) -> None:
        self.messages = 0
        self.readings = 0
        self.first = self.last = self.cpu_before = 0.0

    def began(self) -> None:
        if not self.messages:
            self.first, self.cpu_before = time.perf_counter(), time.process_time()

    def report(self) -> dict[str, float]:
        seconds = max(self.last - self.first, 1e-9)
        cpu_s = time.process_time() - self.cpu_before
        return {
            "messages": self.messages,
            "readings": self.readings,
            "seconds": round(seconds, 3),
            "messages_per_s": round(self.messages / seconds, 1),
            "cpu_us_per_message": round(1e6 * cpu_s / max(self.messages, 1), 1),
        }


async def store(connection: Any, message: aiomqtt.Message, tally: Tally) -> None:
    tally.began()
    gateway = message.topic.value.split("/")[2]
    decoded = json.loads(message.payload)
    for reading in decoded["readings"]:
        ts = datetime.fromtimestamp(reading.get("ts", decoded["ts"]) / 1000, UTC)
        await connection.execute(INSERT, ts, gateway, reading["s"], float(reading["v"]))
        tally.readings += 1
    tally.messages += 1
    tally.last = time.perf_counter()


async def consume(client: aiomqtt.Client, connection: Any, tally: Tally) -> None:
    async for message in client.messages:
        await store(connection, message, tally)


async def watch(tally: Tally, seconds: float) -> None:
    """Return when time is up, or when messages came and have stopped coming."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        await asyncio.sleep(0.1)
        if tally.messages and time.perf_counter() - tally.last > QUIET_S:
            return


async def main(broker: str, database: str, seconds: float, ca_file: str | None) -> None:
    where = urlsplit(broker)
    tls = ssl.create_default_context(cafile=ca_file) if where.scheme == "mqtts" else None
    tally = Tally()
    connection = await asyncpg.connect(database)
    await connection.execute(TABLE)
    try:
        async with aiomqtt.Client(
            where.hostname or "127.0.0.1",
            where.port or (8883 if tls else 1883),
            username=unquote(where.username) if where.username else None,
            password=unquote(where.password) if where.password else None,
            tls_context=tls,
        ) as client:
            await client.subscribe("vedette/v1/+/telemetry", qos=1)
            print(json.dumps({"ready": True}), flush=True)
            consuming = asyncio.create_task(consume(client, connection, tally))
            await asyncio.wait(
                {consuming, asyncio.create_task(watch(tally, seconds))},
                return_when=asyncio.FIRST_COMPLETED,
            )
            if consuming.done():
                consuming.result()
            consuming.cancel()
            await asyncio.wait({consuming})
    finally:
        await connection.execute("DROP TABLE IF EXISTS naive_readings")
        await connection.close()
    print(json.dumps(tally.report()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="the naive loop: one INSERT a reading")
    parser.add_argument(
        "--broker", required=True, help="mqtt://user:password@host:port, or mqtts://"
    )
    parser.add_argument("--ca-file", help="authorities (PEM) that may sign the broker, for mqtts")
    parser.add_argument("--database", required=True, help="postgresql://...")
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    asyncio.run(main(given.broker, given.database, given.seconds, given.ca_file))
