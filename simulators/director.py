"""Plays scenarios on the plant: begins, advances and ends incidents as plant time passes.

Seeded: which place, which numbers and how far a later round is shifted follow from the seed, the
incident and the round, so a run is repeated exactly by the same seed, and the truth file tells.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.dice import dice
from simulators.incidents import KINDS, Kind, Target, World
from simulators.plant import STATE_NAMES
from simulators.scenario import Happening, Number, Scenario, ScenarioError, Where
from simulators.truth import Label, TruthFile, Watch

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class _Place:
    """Somewhere an incident can happen: the row its kind acts on, and what it shows on."""

    row: int
    site: str
    zone: str | None
    shows: tuple[int, ...]


@dataclass(slots=True)
class _Running:
    id: str
    scenario: str
    happening: Happening
    kind: Kind
    place: _Place
    numbers: dict[str, float]
    begun_s: float
    ends_s: float
    watch: Watch


class Director:
    """Runs scenarios side by side; `step` once a second of plant time.

    Args:
        world: what incidents act on.
        scenarios: played together from plant second 0.
        seed: of all choices.
        truth: gets a label at each begin and end.

    Raises:
        ScenarioError: an incident fits no place of this county.
    """

    def __init__(
        self, world: World, scenarios: Sequence[Scenario], *, seed: int, truth: TruthFile
    ) -> None:
        self._world, self._seed, self._truth = world, seed, truth
        self._running: list[_Running] = []
        self._begun = 0
        self._places = {
            id(happening): self._pool(happening, scenario)
            for scenario in scenarios
            for happening in (
                *scenario.incident,
                *(scenario.background.incident if scenario.background else ()),
            )
        }
        self._agenda: list[tuple[float, int, int, int]] = []
        self._scenarios = tuple(scenarios)
        for number, scenario in enumerate(self._scenarios):
            for k in range(len(scenario.incident)):
                heapq.heappush(self._agenda, (scenario.incident[k].at_s, number, k, 0))
        self._chance = dice(seed, "background")

    @property
    def running(self) -> tuple[str, ...]:
        """Kinds of the incidents going on, oldest first."""
        return tuple(run.happening.kind for run in self._running)

    def step(self, elapsed_s: float, now_us: int, *, dt: float = 1.0) -> None:
        """Begin what is due and advance what runs, at plant second `elapsed_s`."""
        while self._agenda and self._agenda[0][0] <= elapsed_s:
            self._begin_due(elapsed_s, now_us)
        self._begin_background(elapsed_s, now_us, dt)
        for run in tuple(self._running):
            if elapsed_s >= run.ends_s:
                self._end(run, now_us)
            else:
                run.kind.advance(self._world, run.place.row, run.numbers, elapsed_s - run.begun_s)

    def see(self, values: NDArray[np.float64], now_us: int) -> None:
        """Show the running incidents' labels the true values (n,) of this second."""
        for run in self._running:
            run.watch.see(values, now_us)

    def finish(self, now_us: int) -> None:
        """End all that runs, so that every begin in the truth file has its end."""
        for run in tuple(self._running):
            self._end(run, now_us)

    def _begin_due(self, elapsed_s: float, now_us: int) -> None:
        _, number, k, turn = heapq.heappop(self._agenda)
        scenario = self._scenarios[number]
        happening = scenario.incident[k]
        chance = dice(self._seed, scenario.name, k, turn)
        if turn % happening.every == 0:
            pool = self._places[id(happening)]
            self._begin(
                happening, scenario, pool, chance, elapsed_s, now_us, turn=turn // happening.every
            )
        if scenario.round_s is not None:
            shift = chance.uniform(-scenario.jitter_s, scenario.jitter_s)
            due = (turn + 1) * scenario.round_s + max(happening.at_s + shift, 0.0)
            heapq.heappush(self._agenda, (due, number, k, turn + 1))

    def _begin_background(self, elapsed_s: float, now_us: int, dt: float) -> None:
        for scenario in self._scenarios:
            background = scenario.background
            if background is None or not background.incident:
                continue
            points = len(self._world.county.sensors)
            rate = background.per_100_points_per_day * points / 100 / DAY_S
            if self._chance.random() < rate * dt:
                happening = self._chance.choice(background.incident)
                pool = self._places[id(happening)]
                turn = self._chance.randrange(max(len(pool), 1))
                self._begin(happening, scenario, pool, self._chance, elapsed_s, now_us, turn=turn)

    def _begin(
        self,
        happening: Happening,
        scenario: Scenario,
        pool: Sequence[_Place],
        chance: Random,
        elapsed_s: float,
        now_us: int,
        *,
        turn: int,
    ) -> None:
        """Begin an incident, unless the same kind goes on at every place that fits."""
        busy = {(run.happening.kind, run.place.row) for run in self._running}
        turns = (pool[(turn + k) % len(pool)] for k in range(len(pool)))
        place = next((p for p in turns if (happening.kind, p.row) not in busy), None)
        if place is None:
            return
        kind = KINDS[happening.kind]
        numbers = {
            name: _draw(happening.numbers.get(name, default), chance)
            for name, default in kind.numbers.items()
        }
        lasts_s = _draw(happening.lasts_s, chance)
        self._begun += 1
        run = _Running(
            f"{scenario.name}-{self._begun}",
            scenario.name,
            happening,
            kind,
            place,
            numbers,
            elapsed_s,
            elapsed_s + lasts_s,
            Watch(np.array(place.shows, np.intp)),
        )
        self._running.append(run)
        kind.begin(self._world, place.row, numbers)
        self._label("begin", run, now_us)

    def _end(self, run: _Running, now_us: int) -> None:
        self._running.remove(run)
        run.kind.end(self._world, run.place.row)
        self._label("end", run, now_us)

    def _label(self, event: str, run: _Running, now_us: int) -> None:
        self._truth.write(
            Label(
                event=event,
                id=run.id,
                scenario=run.scenario,
                kind=run.happening.kind,
                site=run.place.site,
                zone=run.place.zone,
                at=now_us // 1000,
                numbers=run.numbers,
                sensors=run.watch.shown(self._world.county),
            )
        )

    def _pool(self, happening: Happening, scenario: Scenario) -> list[_Place]:
        """Places that fit, in the order of their turns."""
        places = _fitting(self._world, KINDS[happening.kind], happening.where)
        if not places and not scenario.adapts:
            raise ScenarioError(
                f"{scenario.name}: {happening.kind} fits no place of this county: {happening.where}"
            )
        dice(self._seed, scenario.name, happening.kind, happening.at_s).shuffle(places)
        return places[: happening.where.among]


def _draw(number: Number, chance: Random) -> float:
    return chance.uniform(*number) if isinstance(number, tuple) else float(number)


def _fitting(world: World, kind: Kind, where: Where) -> list[_Place]:
    """All places of the county where this kind of incident can happen and that `where` admits."""
    county = world.county
    zone_kind = {zone.id: zone.kind for zone in county.zones}
    site_kind = {site.id: site.kind for site in county.sites}
    gateway_row = {gateway.id: row for row, gateway in enumerate(county.gateways)}
    rows: dict[int, list[int]] = {}
    first: dict[int, tuple[str, str | None]] = {}
    for row, sensor in enumerate(county.sensors):
        gateway = gateway_row[sensor.gateway]
        site = county.gateways[gateway].site
        admitted = (
            where.site_kind in (None, site_kind[site])
            and where.zone_kind in (None, zone_kind.get(sensor.zone or ""))
            and where.measurand in (None, sensor.measurand)
            and where.site in (None, site)
            and where.zone in (None, sensor.zone)
            and where.gateway in (None, sensor.gateway)
            and where.sensor in (None, f"{sensor.gateway}/{sensor.tag}")
        )
        if not admitted or (kind.measurands and sensor.measurand not in kind.measurands):
            continue
        target = gateway if kind.target == "gateway" else _target_row(world, kind.target, row, site)
        if target is not None:
            first.setdefault(target, (site, sensor.zone if kind.target != "gateway" else None))
            rows.setdefault(target, []).append(row)
    return [
        _Place(
            row,
            *first[row],
            world.plant.neighbours(row) if kind.target == "detector" else tuple(rows[row]),
        )
        for row in rows
    ]


def _target_row(world: World, target: Target, row: int, site: str) -> int | None:
    """The row an incident would act on if it struck the sensor in `row`; None if it cannot."""
    sensor = world.county.sensors[row]
    match target:
        case "detector":
            return row if row in world.plant.detector_of else None
        case "collector":
            return world.plant.collector_of.get(sensor.zone)
        case "order" if site not in world.county.ordered_shut:
            return None
        case "supply" | "order":
            return world.plant.supply_of.get(site) if sensor.role is not None else None
        case "analog":
            return None if sensor.measurand in STATE_NAMES else row
        case _:
            return row
