"""The raw load publisher: many messages a second, and exactly which of them were acknowledged.

Each gateway is a connection with a bounded number of messages in flight. The pace is open-loop: a
message that could not go out in time goes out as soon as it may. What a lost connection left
unacknowledged is sent again after the reconnect, with the same `seq` and times. Of every message
the PUBACK is recorded as (gateway, block of sensors, event time): twelve bytes, from which every
reading the publisher saw acknowledged can be named.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.broker import Broker, Login
from simulators.publisher import Publisher, Refused, connect
from simulators.templates import Templates

TICK_S: Final = 0.004
AT_ONCE: Final = 8
"""Messages one gateway sends in a row, where the pace would ask for fewer of each: cheaper."""
CONNECT_TIMEOUT_S: Final = 10.0
RETRY_S: Final = 0.2
PACKET_IDS: Final = 65_536
MOST_IN_FLIGHT: Final = 30_000
"""Below half the packet ids, so that ids come round long after their PUBACK."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadGateway:
    """A gateway to publish as, and the tags of its sensors."""

    gateway: str
    login: Login
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What to publish.

    Attributes:
        gateways: one connection each.
        seconds: how long to publish.
        rate: messages a second over all gateways; None for as many as get acknowledged.
        readings_per_message: readings a message.
        in_flight: unacknowledged messages a gateway may have.
        boot: the `boot` of all messages.
        variants: sets of values that take turns, message by message.
        low: values lie from here to `low` + 5, below any limit of interest.
        high: what the first sensor of each block shows in the last two variants; None for never.
        drain_s: how long to wait for the last PUBACKs.
    """

    gateways: tuple[LoadGateway, ...]
    seconds: float
    rate: float | None = None
    readings_per_message: int = 1
    in_flight: int = 400
    boot: str = "load"
    variants: int = 16
    low: float = 5.0
    high: float | None = None
    drain_s: float = 15.0

    def __post_init__(self) -> None:
        if not 0 < self.in_flight <= MOST_IN_FLIGHT:
            raise ValueError(f"in_flight must be 1 to {MOST_IN_FLIGHT}, not {self.in_flight}")
        if not self.gateways or not all(gateway.tags for gateway in self.gateways):
            raise ValueError("a load needs gateways, each with at least one tag")

    def blocks(self, gateway: int) -> Iterator[tuple[str, ...]]:
        """The tags that go together in a message, in the order of their block numbers."""
        tags = self.gateways[gateway].tags
        for start in range(0, len(tags), self.readings_per_message):
            yield tags[start : start + self.readings_per_message]


@dataclass(frozen=True, slots=True, eq=False)
class Acknowledged:
    """Messages the publisher saw a PUBACK for.

    Attributes:
        gateway: int32 (k,), index in the plan's gateways.
        block: int32 (k,), block of that gateway's tags.
        ts: int64 (k,), event time of all its readings, ms UTC.
    """

    gateway: NDArray[np.int32]
    block: NDArray[np.int32]
    ts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ts)

    def readings(self, plan: LoadPlan) -> Iterator[tuple[str, str, int]]:
        """Every acknowledged reading: gateway id, tag, event time in ms."""
        blocks = [list(plan.blocks(k)) for k in range(len(plan.gateways))]
        rows = zip(self.gateway.tolist(), self.block.tolist(), self.ts.tolist(), strict=True)
        for gateway, block, ts in rows:
            for tag in blocks[gateway][block]:
                yield plan.gateways[gateway].gateway, tag, ts

    def save(self, path: Path) -> None:
        """Write to a numpy archive, for another process."""
        np.savez(path, gateway=self.gateway, block=self.block, ts=self.ts)

    @classmethod
    def load(cls, path: Path) -> Acknowledged:
        """Read what `save` wrote."""
        with np.load(path) as read:
            return cls(read["gateway"], read["block"], read["ts"])


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a load. Counts are messages; `resent` come on top of `published`."""

    published: int
    readings: int
    resent: int
    reconnects: int
    seconds: float
    """From the first message to the last PUBACK."""
    ack_ms_p50: float
    ack_ms_p99: float
    acknowledged: Acknowledged
    unacknowledged: int
    first_sent_ms: int
    last_sent_ms: int
    """The clock at the last new message."""


async def publish_load(
    plan: LoadPlan,
    *,
    broker: Broker,
    clock: Callable[[], int],
    stop: asyncio.Event | None = None,
    budget: Callable[[], int] | None = None,
) -> LoadReport:
    """Publish the plan and report.

    Args:
        plan: what to publish.
        broker: where to.
        clock: int64 µs UTC, for `ts` and `sent`.
        stop: set it to end early.
        budget: how many messages may have been published by now, asked again and again: a
            consumer's way to set the pace.

    Raises:
        Refused: a gateway's login was refused at the start.
        OSError: the broker cannot be reached at the start.
    """
    loop = asyncio.get_running_loop()
    lines = [_Line(plan, k, broker, clock) for k in range(len(plan.gateways))]
    for line in lines:
        await line.connect()
    async with asyncio.TaskGroup() as group:
        keepers = [
            group.create_task(line.stay_connected(), name=f"load {k}")
            for k, line in enumerate(lines)
        ]
        begun, first_sent = loop.time(), clock() // 1000
        await _issue(lines, plan, stop, budget)
        last_sent = clock() // 1000
        with contextlib.suppress(TimeoutError):  # what is left is reported as unacknowledged
            async with asyncio.timeout(plan.drain_s):
                for line in lines:
                    await line.drained.wait()
        seconds = loop.time() - begun
        for line, keeper in zip(lines, keepers, strict=True):
            line.close()
            keeper.cancel()
    waits = np.concatenate([line.waits.array() for line in lines])
    p50, p99 = np.percentile(waits, (50, 99)).tolist() if len(waits) else (0.0, 0.0)
    return LoadReport(
        published=sum(line.published for line in lines),
        readings=sum(line.readings for line in lines),
        resent=sum(line.resent for line in lines),
        reconnects=sum(line.reconnects for line in lines),
        seconds=seconds,
        ack_ms_p50=p50,
        ack_ms_p99=p99,
        acknowledged=_acknowledged(lines),
        unacknowledged=sum(line.in_flight for line in lines),
        first_sent_ms=first_sent,
        last_sent_ms=last_sent,
    )


def _acknowledged(lines: Sequence[_Line]) -> Acknowledged:
    counts = [len(line.acked_ts) for line in lines]
    return Acknowledged(
        np.repeat(np.arange(len(lines), dtype=np.int32), counts),
        np.concatenate([line.acked_block.array() for line in lines]).astype(np.int32),
        np.concatenate([line.acked_ts.array() for line in lines]).astype(np.int64),
    )


async def _issue(
    lines: Sequence[_Line],
    plan: LoadPlan,
    stop: asyncio.Event | None,
    budget: Callable[[], int] | None,
) -> None:
    """Hand out messages to the lines, at the plan's pace, until its time is over."""
    loop = asyncio.get_running_loop()
    begun, issued, turn = loop.time(), 0, 0
    paced = plan.rate is not None or budget is not None
    while (elapsed := loop.time() - begun) < plan.seconds and not (stop and stop.is_set()):
        limits = [] if plan.rate is None else [int(plan.rate * elapsed)]
        limits += [] if budget is None else [budget()]
        owed = min(limits) - issued if paced else len(lines) * plan.in_flight
        share = max(-(-owed // len(lines)), AT_ONCE)
        for _ in lines:
            wanted = min(share, owed)
            if wanted <= 0:
                break
            sent = lines[turn % len(lines)].publish(wanted)
            turn, issued, owed = turn + 1, issued + sent, owed - sent
        await asyncio.sleep(TICK_S if paced else TICK_S / 4)


@dataclass(slots=True)
class _Column:
    """A growing array of float64 or int64."""

    kind: type
    _array: NDArray[np.generic] = field(init=False)
    _length: int = 0

    def __post_init__(self) -> None:
        self._array = np.empty(4096, self.kind)

    def __len__(self) -> int:
        return self._length

    def extend(self, values: NDArray[np.generic]) -> None:
        end = self._length + len(values)
        if end > len(self._array):
            self._array = np.resize(self._array, max(2 * len(self._array), end))
        self._array[self._length : end] = values
        self._length = end

    def array(self) -> NDArray[np.generic]:
        return self._array[: self._length]


class _Line:
    """One gateway's connection: what is in flight, what was acknowledged."""

    def __init__(
        self, plan: LoadPlan, number: int, broker: Broker, clock: Callable[[], int]
    ) -> None:
        self._plan, self._broker, self._clock = plan, broker, clock
        self._me = plan.gateways[number]
        self._templates = Templates(
            self._me.gateway,
            self._me.tags,
            per_message=plan.readings_per_message,
            boot=plan.boot,
            variants=plan.variants,
            value=self._value,
        )
        self._sizes = np.array([len(block) for block in self._templates.blocks])
        self._last_ts = np.zeros(len(self._sizes), np.int64)
        self._pending = np.zeros(PACKET_IDS, bool)
        self._block = np.zeros(PACKET_IDS, np.int64)
        self._turn = np.zeros(PACKET_IDS, np.int64)
        self._ts = np.zeros(PACKET_IDS, np.int64)
        self._seq = np.zeros(PACKET_IDS, np.int64)
        self._sent_at = np.zeros(PACKET_IDS)
        self._next_pid = 1
        self._publisher: Publisher | None = None
        self._loop = asyncio.get_running_loop()
        self.in_flight = 0
        self.drained = asyncio.Event()
        """Set while nothing is in flight."""
        self.drained.set()
        self.published = 0
        self.readings = 0
        self.resent = 0
        self.reconnects = 0
        self.acked_block = _Column(np.int32)
        self.acked_ts = _Column(np.int64)
        self.waits = _Column(np.float32)
        """Milliseconds from PUBLISH to PUBACK."""

    def _value(self, sensor: int, variant: int) -> float:
        plan = self._plan
        first_of_block = sensor % plan.readings_per_message == 0
        if plan.high is not None and first_of_block and variant >= plan.variants - 2:
            return plan.high
        return plan.low + (sensor * 37 % 100) / 25 + (variant * 5 % plan.variants) / plan.variants

    async def connect(self) -> None:
        """Connect and send again what has no PUBACK.

        Raises:
            Refused, OSError: see `publisher.connect`.
        """
        self._publisher = await connect(
            self._broker,
            self._me.gateway,
            self._me.login,
            self._acknowledge,
            timeout=CONNECT_TIMEOUT_S,
        )
        again = np.flatnonzero(self._pending)
        again = again[np.argsort(self._seq[again])]
        self.resent += len(again)
        self._send(again, duplicate=True)

    async def stay_connected(self) -> None:
        """Reconnect whenever the line is lost, until cancelled."""
        while True:
            if self._publisher is not None:
                await self._publisher.lost
                self._publisher = None
            try:
                await self.connect()
                self.reconnects += 1
            except (OSError, Refused):  # a broker that comes back may not know us at once
                await asyncio.sleep(RETRY_S)

    def close(self) -> None:
        """End the connection in good order."""
        if self._publisher is not None:
            self._publisher.close()

    def publish(self, wanted: int) -> int:
        """Publish at most `wanted` new messages, as many as may be in flight; returns how many."""
        if self._publisher is None or not self._publisher.writable:
            return 0
        n = min(wanted, self._plan.in_flight - self.in_flight)
        if n <= 0:
            return 0
        pid = (self._next_pid - 1 + np.arange(n)) % (PACKET_IDS - 1) + 1
        taken = np.flatnonzero(self._pending[pid])
        if len(taken):
            n = int(taken[0])
            pid = pid[:n]
        if n == 0:
            return 0
        count = self.published + np.arange(n)
        blocks = len(self._sizes)
        block = count % blocks
        now_ms = self._clock() // 1000
        ts = np.maximum(now_ms, self._last_ts[block] + 1) + np.arange(n) // blocks
        self._last_ts[block] = ts
        self._pending[pid], self._block[pid], self._turn[pid] = True, block, count // blocks
        self._ts[pid], self._seq[pid] = ts, count + 1
        self._next_pid = int(pid[-1]) % (PACKET_IDS - 1) + 1
        self.in_flight += n
        self.drained.clear()
        self.published += n
        self.readings += int(self._sizes[block].sum())
        self._send(pid, duplicate=False)
        return n

    def _send(self, pid: NDArray[np.int64], *, duplicate: bool) -> None:
        if self._publisher is None or not len(pid):
            return
        self._sent_at[pid] = self._loop.time()
        packets = self._templates.packets(
            self._block[pid],
            self._turn[pid],
            pid=pid,
            ts=self._ts[pid],
            sent=self._clock() // 1000,
            seq=self._seq[pid],
            duplicate=duplicate,
        )
        self._publisher.send(packets)

    def _acknowledge(self, pid: NDArray[np.int64]) -> None:
        pid = pid[self._pending[pid]]
        self._pending[pid] = False
        self.in_flight -= len(pid)
        if not self.in_flight:
            self.drained.set()
        self.acked_block.extend(self._block[pid])
        self.acked_ts.extend(self._ts[pid])
        self.waits.extend(1000 * (self._loop.time() - self._sent_at[pid]))
