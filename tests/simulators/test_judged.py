"""The simulated county before the real judge, with the catalogue's limits and delays."""

from __future__ import annotations

import itertools

from alerting import Alarm, Configuration, Fold, GatewaySpec, Limit, SensorSpec
from domain.catalogue import catalogue
from domain.entries import Entry, EntryKind, Tick
from domain.readings import MICROSECONDS
from domain.wire import BatchBuilder, SensorRef, decode, encode_message
from simulators.county import County, county_registry
from simulators.player import Performance, Stage
from simulators.scenario import Scenario, built_in
from simulators.truth import TruthFile

START_US = (1_795_406_400 - 5 * 3600) * MICROSECONDS
"""Monday 2026-11-23 07:00 Beijing time, when the day shifts begin."""


def specification(county: County) -> Configuration:
    number = {gateway.id: gateway.number for gateway in county.gateways}
    sensors = {}
    for sensor in county.sensors:
        given = county.limits.get(sensor.id) or catalogue()[sensor.measurand].limits
        sensors[sensor.id] = SensorSpec(
            id=sensor.id,
            gateway=number[sensor.gateway],
            period_us=round(sensor.period_s * MICROSECONDS),
            range_low=sensor.range_low,
            range_high=sensor.range_high,
            limits=tuple(
                Limit(
                    level=limit.level,
                    setpoint=limit.setpoint,
                    deadband=limit.deadband,
                    on_delay_us=round(limit.on_delay_s * MICROSECONDS),
                    off_delay_us=round(limit.off_delay_s * MICROSECONDS),
                    latch=limit.latch,
                )
                for limit in given
            ),
        )
    gateways = {n: GatewaySpec(number=n) for n in number.values()}
    return Configuration(sensors=sensors, gateways=gateways)


def judged(county: County, scenario: Scenario, seconds: int) -> list[tuple[int, str, Alarm]]:
    """(second, tag, alarm) of each alarm raised while the scenario is played for so long."""
    stage = Stage(Performance(county=county, scenarios=(scenario,)), TruthFile(), START_US)
    fold = Fold(specification(county))
    refs: dict[str, dict[str, SensorRef]] = {}
    for sensor in county.sensors:
        states = catalogue()[sensor.measurand].state_numbers
        refs.setdefault(sensor.gateway, {})[sensor.tag] = SensorRef(sensor.id, states or None)
    positions, sequence = itertools.count(1), itertools.count(1)
    raised: dict[str, tuple[int, str, Alarm]] = {}
    for second in range(seconds):
        now = START_US + second * MICROSECONDS
        builder = BatchBuilder()
        for row, readings in stage.second(second, now).items():
            gateway = county.gateways[row]
            payload = encode_message(readings, time=now, sent=now, boot="b", seq=next(sequence))
            head = decode(payload, refs[gateway.id], now, builder, gateway.number, backfill=False)
            assert head.errors == ()
        tick = Entry(EntryKind.TICK, Tick(now=now, listening=True).to_bytes())
        for entry in (Entry(EntryKind.BATCH, builder.build().to_bytes()), tick):
            for alarm in fold.apply(next(positions), entry).alarms:
                tag = county.sensors[alarm.sensor - 1].tag if alarm.sensor else ""
                raised.setdefault(alarm.id, (second, tag, alarm))
    return list(raised.values())


def test_an_hour_of_a_calm_county_raises_no_alarm_at_all() -> None:
    assert judged(county_registry(), Scenario(name="calm"), 3600) == []


def test_the_default_scenario_raises_its_three_alarms_and_little_else() -> None:
    found = judged(county_registry(), built_in(), 1150)
    by_measurand = {
        tag.rpartition(".")[2].rstrip("0123456789"): (second, alarm)
        for second, tag, alarm in reversed(found)
        if alarm.kind == "limit"
    }
    assert 25 <= by_measurand["lel"][0] <= 90
    assert 240 < by_measurand["thop"][0] < 600
    assert 480 < by_measurand["p"][0] < 800
    assert len(found) < 20
