"""Plays a county: plant, scenarios and gateways together, in real time or faster.

Once a second of plant time the scenarios act, the plant advances, and the points that are due or
moved are handed to their gateways; the gateways take turns within the second so that the county
does not speak in one breath. All gateways live on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from domain.readings import MICROSECONDS, Quality
from domain.wire import OutgoingReading
from simulators.broker import Broker, Login
from simulators.conduct import Conduct
from simulators.county import County
from simulators.director import Director
from simulators.files import make_room_for
from simulators.gateway import SimulatedGateway, Traffic
from simulators.incidents import World
from simulators.plant import STATE_NAMES, Plant
from simulators.sampling import Sampler
from simulators.scenario import Scenario
from simulators.truth import TruthFile

TURNS: Final = 10
"""Parts of a second; gateway k speaks in part k mod TURNS."""
LOGINS_AT_A_TIME: Final = 8
LATEST_S: Final = 2.0
"""A player that fell this far behind (a sleeping laptop) goes on from now instead of hurrying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What is played.

    Attributes:
        county: whose sensors report.
        scenarios: played together from the first second.
        seed: of plant, scenarios and gateways' dice.
        speed: plant seconds per real second; 1 keeps plant time on the clock.
        start: plant time of the first second when `speed` is not 1, µs UTC; None for the clock's.
        seconds: plant seconds to play; None for ever.
    """

    county: County
    scenarios: tuple[Scenario, ...]
    seed: int = 1
    speed: float = 1.0
    start: int | None = None
    seconds: float | None = None


async def play(
    performance: Performance,
    *,
    broker: Broker,
    login: Callable[[str], Login],
    clock: Callable[[], int],
    truth: IO[str] | None = None,
    traffic: Traffic | None = None,
) -> Traffic:
    """Play until cancelled, or for as long as the performance lasts.

    Args:
        performance: what is played.
        broker: where the gateways connect.
        login: credentials by gateway id.
        clock: server-like time, int64 µs UTC.
        truth: open text file for labels.
        traffic: counted into, when the caller wants to watch.

    Returns:
        The counts.

    Raises:
        ScenarioError: an incident fits no place of this county.
        ValueError: the speed is not above 0.
        OSError: the machine does not allow so many connections.
    """
    if performance.speed <= 0:
        raise ValueError(f"speed must be above 0, not {performance.speed}")
    make_room_for(len(performance.county.gateways))
    counted = traffic if traffic is not None else Traffic()
    begun = clock()
    stage = Stage(performance, TruthFile(truth), begun)
    follow = clock if performance.speed == 1.0 else stage.plant_clock
    gateways = [
        SimulatedGateway(
            gateway.id,
            broker=broker,
            login=login(gateway.id),
            boot=f"sim-{begun // MICROSECONDS:x}",
            clock=follow,
            conduct=conduct,
            traffic=counted,
            seed=performance.seed,
        )
        for gateway, conduct in zip(performance.county.gateways, stage.conducts, strict=True)
    ]
    connecting = asyncio.Semaphore(LOGINS_AT_A_TIME)
    async with asyncio.TaskGroup() as group:
        lines = [
            group.create_task(box.run(connecting), name=f"gateway {box.id}") for box in gateways
        ]
        try:
            await _perform(stage, gateways, follow, performance)
        finally:
            stage.finish()
            for box, line in zip(gateways, lines, strict=True):
                box.stop()
                line.cancel()
    return counted


async def _perform(
    stage: Stage,
    gateways: Sequence[SimulatedGateway],
    follow: Callable[[], int],
    performance: Performance,
) -> None:
    """Second by second, turn by turn."""
    loop = asyncio.get_running_loop()
    anchor = loop.time()
    elapsed = 0
    while performance.seconds is None or elapsed < performance.seconds:
        messages = stage.second(elapsed, follow())
        for turn in range(TURNS):
            due = anchor + (elapsed + turn / TURNS) / performance.speed
            behind = loop.time() - due
            if behind > LATEST_S:
                anchor += behind
            await asyncio.sleep(max(-behind, 0.0))
            for row in range(turn, len(gateways), TURNS):
                if row in messages:
                    gateways[row].put(follow(), messages[row])
        elapsed += 1


class Stage:
    """Plant, scenarios and sampling of one performance."""

    def __init__(self, performance: Performance, truth: TruthFile, begun: int) -> None:
        county, seed = performance.county, performance.seed
        plant_time = begun if performance.start is None else performance.start
        self._sensors = county.sensors
        self._plant = Plant(county, seed)
        self.conducts = tuple(Conduct() for _ in county.gateways)
        world = World(county, self._plant, self.conducts, np.random.default_rng([seed, 2]))
        self._director = Director(world, performance.scenarios, seed=seed, truth=truth)
        self._sampler = Sampler(county.sensors, np.random.default_rng([seed, 3]))
        row_of = {gateway.id: row for row, gateway in enumerate(county.gateways)}
        self._gateway = np.array([row_of[sensor.gateway] for sensor in county.sensors], np.intp)
        self._start, self._now = plant_time, plant_time

    def plant_clock(self) -> int:
        """Plant time, int64 µs UTC."""
        return self._now

    def second(self, elapsed: int, now_us: int) -> dict[int, tuple[OutgoingReading, ...]]:
        """Play one plant second; returns what each gateway (by row) has to say."""
        self._now = self._start + elapsed * MICROSECONDS
        now_s = now_us / MICROSECONDS
        self._director.step(elapsed, now_us)
        self._plant.step(now_s)
        values, quality = self._plant.show(now_s)
        self._director.see(values, now_us)
        chosen = self._sampler.choose(elapsed, values, quality, self._plant.faults.silent)
        return self._messages(chosen, values, quality)

    def _messages(
        self, chosen: NDArray[np.intp], values: NDArray[np.float64], quality: NDArray[np.uint8]
    ) -> dict[int, tuple[OutgoingReading, ...]]:
        spoken: dict[int, list[OutgoingReading]] = {}
        for row in chosen.tolist():
            sensor = self._sensors[row]
            value = float(values[row])
            names = STATE_NAMES.get(sensor.measurand)
            shown = None if np.isnan(value) else names[int(value)] if names else value
            reading = OutgoingReading(sensor.tag, shown, None, Quality(int(quality[row])))
            spoken.setdefault(int(self._gateway[row]), []).append(reading)
        return {gateway: tuple(readings) for gateway, readings in spoken.items()}

    def finish(self) -> None:
        """End what runs, so that the truth is complete."""
        self._director.finish(self._now)
