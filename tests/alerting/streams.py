"""Seeded streams of everything that can happen, chosen to lie on the edges of the rules.

A generator with free random times lets most planted bugs live. Here each sensor has a clock that
mostly advances, sometimes repeats, sometimes slips back; values stand on set-points and edges of
deadbands; delays are whole seconds, so that "just" happens; gateways' clocks are steady, then jump.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np

from alerting import Configuration, GatewaySpec, Level, Limit, SensorSpec, Timing, Verb
from domain.readings import NO_TIME, MessageColumns, Quality, ReadingBatch, Reason
from tests.alerting.reference import Message, Reading, S

START = 1_772_669_730 * S
LEVELS = ("HH", "H", "L", "LL")
SETPOINTS = {"HH": 50.0, "H": 25.0, "L": 10.0, "LL": 5.0}


@dataclass
class Second:
    now: int
    listening: bool


@dataclass
class Deed:
    """An act on the open alarm that `pick` chooses among those there are."""

    at: int
    verb: Verb
    pick: int
    note: str
    until: int | None
    seen: str | None
    seen_level: Level | None


Event = Message | Second | Deed


def configuration(random: Random) -> Configuration:
    sensors = {}
    for number in range(1, random.choice((2, 4, 6)) + 1):
        levels = [level for level in LEVELS if random.random() < 0.6]
        limits = tuple(
            Limit(
                level=level,  # type: ignore[arg-type]
                setpoint=SETPOINTS[level],
                deadband=random.choice((0.0, 0.1, 2.0)),
                on_delay_us=random.choice((0, 0, 3, 10)) * S,
                off_delay_us=random.choice((0, 0, 3, 10)) * S,
                latch=random.random() < 0.3,
                source=f"clause {level}",
            )
            for level in levels
        )
        sensors[number * 3] = SensorSpec(
            id=number * 3,
            gateway=random.choice((1, 2)),
            period_us=random.choice((1, 110)) * S,
            range_low=random.choice((None, 0.0)),
            range_high=random.choice((None, 100.0, 40.0)),
            limits=limits,
            out_of_service=random.random() < 0.1,
            suppressed=random.random() < 0.1,
        )
    gateways = {n: GatewaySpec(number=n, silence_us=random.choice((20, 300)) * S) for n in (1, 2)}
    timing = Timing(realarm_us=random.choice((0, 20)) * S, max_shelf_us=60 * S)
    return Configuration(sensors=sensors, gateways=gateways, timing=timing)


class Stream:
    def __init__(self, seed: int, configuration: Configuration) -> None:
        self.random = Random(seed)
        self.configuration = configuration
        self.now = START
        self.clock = {n: self.random.choice((0, 0, 0, 40, -40, -240)) * S for n in (1, 2, 9)}
        self.sends = {n: self.random.random() < 0.5 for n in (1, 2, 9)}
        self.tick = START
        self.time: dict[int, int] = {}
        self.level = dict.fromkeys(configuration.sensors, 15.0)

    def events(self, count: int) -> list[Event]:
        """`count` draws; one may be a long silence."""
        return [event for _ in range(count) for event in self.next()]

    def next(self) -> list[Event]:
        random = self.random
        choice = random.random()
        if choice < 0.62:
            self.now += random.choice((0, 0, 10_000, 400_000, S, S, 3 * S, 11 * S, -1_100_000))
            return [self.message()]
        if choice < 0.86:
            return [self.second()]
        if choice < 0.95:
            return [self.deed()]
        if choice < 0.98:
            number = random.choice((1, 2))
            self.clock[number] += random.choice((200, 31, 30, -200, -3600, -1_700_000_000, 6)) * S
            return []
        listening = random.random() < 0.8
        return [self.second(listening=listening) for _ in range(random.choice((25, 310)))]

    def second(self, *, listening: bool | None = None) -> Second:
        self.now = max(self.now, self.tick) + S
        self.tick = self.now - self.now % S
        heard = self.random.random() < 0.9 if listening is None else listening
        return Second(self.tick, heard)

    def deed(self) -> Deed:
        random = self.random
        verb = random.choice(
            ("acknowledge", "acknowledge", "shelve", "unshelve", "reset", "comment")
        )
        until = random.choice((5, 15, 60, 61, 0, None))
        return Deed(
            at=self.now,
            verb=verb,  # type: ignore[arg-type]
            pick=random.randrange(8),
            note=random.choice(("checked", "checked", "")),
            until=None if until is None else self.now + until * S,
            seen=random.choice((None, None, "unacknowledged", "acknowledged")),
            seen_level=random.choice((None, "H", "HH", "L", "LL")),
        )

    def message(self) -> Message:
        random = self.random
        gateway = random.choice((1, 1, 2, 2, 9))
        clock = self.now - self.clock[gateway] - random.choice((0, 0, 1000, S // 2, 4 * S))
        if random.random() < 0.08:
            # For this one message the clock stands elsewhere.
            clock += random.choice((29, 31, 61, 290, 301, 28_800, 300_000_000, -40)) * S
        sends = self.sends[gateway] != (random.random() < 0.05)
        backfill = random.random() < 0.05
        owned = [n for n, spec in self.configuration.sensors.items() if spec.gateway == gateway]
        readings = [
            self.reading(random.choice([*owned, *owned, *owned, 999]), clock)
            for _ in range(random.choice((0, 1, 1, 2, 5)))
        ]
        return Message(gateway, self.now, clock if sends else NO_TIME, backfill, readings)

    def reading(self, sensor: int, clock: int) -> Reading:
        random = self.random
        last = self.time.get(sensor, clock)
        time, reason = max(last, clock - 2 * S), 0
        choice = random.random()
        if choice < 0.70:
            time += random.choice((1, S, S, 3 * S))
        elif choice < 0.78:
            pass
        elif choice < 0.86:
            time -= random.choice((1, S, 20 * S))
        elif choice < 0.95:
            edge = random.choice((60, 900, -300, 1200, -400)) * S
            return Reading(sensor, clock - edge + random.choice((-1, 0, 1)), *self.value(sensor))
        else:
            time, reason = self.now, int(Reason.NO_DEVICE_TIME)
        self.time[sensor] = time
        value, quality, why = self.value(sensor)
        return Reading(sensor, time, value, quality, reason | why)

    def value(self, sensor: int) -> tuple[float, int, int]:
        random = self.random
        if random.random() < 0.4:
            around = random.choice((50.0, 25.0, 10.0, 5.0))
            shift = random.choice((0.0, 0.0, 0.05, -0.05, 1.0, -1.0, 3.0, -3.0))
            self.level[sensor] = around + shift
        value, quality, reason = self.level.get(sensor, 15.0), Quality.GOOD, 0
        choice = random.random()
        if choice < 0.04:
            value = random.choice((math.nan, math.inf, 120.0, -3.0, 101.0))
        elif choice < 0.08:
            bits = (Reason.OVER_RANGE, Reason.UNDER_RANGE, Reason.DEVICE_FAULT, Reason.HISTORICAL)
            reason = int(random.choice((*bits, Reason.OVER_RANGE | Reason.DEVICE_FAULT)))
            value = random.choice((value, math.nan))
        elif choice < 0.10:
            value, reason = math.nan, int(Reason.NULL_VALUE)
        elif choice < 0.22:
            quality = random.choice(list(Quality))
        return value, int(quality), reason


def batch_of(messages: list[Message]) -> ReadingBatch:
    """Messages as one batch."""
    rows = [(m, r) for m, message in enumerate(messages) for r in message.readings]
    columns = MessageColumns(
        gateway=np.array([m.gateway for m in messages], np.int32),
        received=np.array([m.received for m in messages], np.int64),
        sent=np.array([m.sent for m in messages], np.int64),
        sequence=np.full(len(messages), -1, np.int64),
        boot=np.full(len(messages), -1, np.int32),
        backfill=np.array([m.backfill for m in messages], np.bool_),
    )
    return ReadingBatch(
        messages=columns,
        message=np.array([m for m, _ in rows], np.int32),
        sensor=np.array([r.sensor for _, r in rows], np.int32),
        time=np.array([r.time for _, r in rows], np.int64),
        value=np.array([r.value for _, r in rows], np.float64),
        quality=np.array([r.quality for _, r in rows], np.uint8),
        reason=np.array([r.reason for _, r in rows], np.uint16),
    )


def cut(random: Random, events: list[Event]) -> list[list[Message] | Second | Deed]:
    """Neighbouring messages together, in batches of random size."""
    entries: list[list[Message] | Second | Deed] = []
    together = random.choice((0.0, 0.5, 0.95))
    for event in events:
        if not isinstance(event, Message):
            entries.append(event)
        elif entries and isinstance(entries[-1], list) and random.random() < together:
            entries[-1].append(event)
        else:
            entries.append([event])
    return entries
