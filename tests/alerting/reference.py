"""The judge once more, as short and slow as it can be said: the other side of the law.

One reading and one condition at a time, plain dictionaries, no columns, no windows, no tables.
It shares nothing with `alerting` but the words (limits, acts, transitions, quality and reason
codes). Where the two differ, one of them is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from alerting import Act, Configuration, GatewaySpec, Limit, SensorSpec, Transition
from domain.readings import NO_TIME, Quality, Reason

S = 1_000_000


@dataclass
class Message:
    gateway: int
    received: int
    sent: int
    backfill: bool
    readings: list[Reading]


@dataclass
class Reading:
    sensor: int
    time: int
    value: float
    quality: int
    reason: int


@dataclass
class Sensor:
    spec: SensorSpec
    heard: int
    conditions: dict[str, tuple[str, int]]
    time: int | None = None
    value: float = math.nan
    received: int = 0
    held: float = math.nan
    kept: int | None = None
    stale: bool = False
    muted: bool = False


@dataclass
class Gateway:
    spec: GatewaySpec
    heard: int
    spoke: int | None = None
    stale: bool = False
    wrong: bool = False
    future: int | None = None
    samples: list[tuple[int, int]] = field(default_factory=list)
    offset: int | None = None
    regime: int | None = None


class Reference:
    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.listened = 0
        self.listening = True
        self.deaf = 0
        self.sensors = {
            number: Sensor(spec, 0, {limit.level: ("normal", 0) for limit in spec.limits})
            for number, spec in sorted(configuration.sensors.items())
        }
        self.gateways = {
            number: Gateway(spec, 0) for number, spec in sorted(configuration.gateways.items())
        }
        self.alarms: dict[tuple[int, str], dict[str, Any]] = {}
        self.raised = 0
        self.transitions: list[Transition] = []
        self.verdicts: list[tuple[int, int, bool, bool, bool, int]] = []

    # -- messages ---------------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        gateway = self.gateways.get(message.gateway)
        if gateway is not None:
            gateway.heard = self.listened
            sampled = self.sample(gateway, message)
            if gateway.stale:
                gateway.stale = False
                gateway.spoke = self.listened
                at = (message.received, message.received, None, 0)
                self.flat("stale", "active", None, message.gateway, gateway.spec.silence_us / S, at)
                self.release(None, message.gateway, "stale", at)
            lead = message.sent - message.received + min(gateway.regime or 0, 0)
            if message.sent != NO_TIME and lead > 300 * S:
                self.from_the_future(gateway, message, 30.0, -lead, 0)
            if sampled and gateway.offset is not None:
                self.judge_offset(gateway, message)
        for reading in message.readings:
            self.reading(message, gateway, reading)

    def sample(self, gateway: Gateway, message: Message) -> bool:
        clock = message.sent
        if clock == NO_TIME and not message.backfill:
            unclocked = Reason.NO_DEVICE_TIME | Reason.HISTORICAL
            times = [r.time for r in message.readings if not r.reason & unclocked]
            clock = max(times, default=NO_TIME)
        if clock == NO_TIME or not self.listening:
            return False
        if gateway.samples and abs(message.received - gateway.samples[-1][1]) < 1 * S:
            return False
        gateway.samples.append((message.received - clock, message.received))
        del gateway.samples[:-20]
        gateway.offset = self.steady(gateway.samples[::-1])
        if gateway.offset is not None:
            gateway.regime = gateway.offset
        return True

    def steady(self, samples: list[tuple[int, int]]) -> int | None:
        """The least of the newest samples that agree; newest first."""
        spread, span = {}, {}
        for n in range(2, len(samples) + 1):
            offsets = [offset for offset, _ in samples[:n]]
            spread[n] = max(offsets) - min(offsets)
            span[n] = samples[0][1] - samples[n - 1][1]
        close = max((n for n in spread if spread[n] <= 5 * S), default=None)
        if close is None or span[close] < 10 * S:
            wide = [n for n in spread if span[n] >= 10 * S and spread[n] <= 60 * S]
            close = max((n for n in wide if spread[n] <= span[n] // 2), default=None)
        return None if close is None else min(offset for offset, _ in samples[:close])

    def judge_offset(self, gateway: Gateway, message: Message) -> None:
        assert gateway.offset is not None
        wrong = abs(gateway.offset) > 30 * S
        at = (message.received, message.received, gateway.offset / S, 0)
        if wrong and not gateway.wrong:
            gateway.wrong = True
            self.flat("mismatch", "normal", None, message.gateway, 30.0, at)
            self.activate(None, message.gateway, "clock", None, 30.0, at, latch=False)
        calm = gateway.future is None or message.received - gateway.future >= 60 * S
        if not wrong and gateway.wrong and calm:
            gateway.wrong = False
            self.flat("mismatch", "active", None, message.gateway, 30.0, at)
            self.release(None, message.gateway, "clock", at)

    def from_the_future(
        self, gateway: Gateway, message: Message, limit: float, age: int, reason: int
    ) -> None:
        gateway.future = message.received
        if not gateway.wrong:
            gateway.wrong = True
            at = (message.received, message.received, age / S, reason)
            self.flat("mismatch", "normal", None, message.gateway, limit, at)
            self.activate(None, message.gateway, "clock", None, limit, at, latch=False)

    # -- readings ---------------------------------------------------------------------------------

    def reading(self, message: Message, gateway: Gateway | None, reading: Reading) -> None:
        plain = message.received - reading.time
        offset = 0 if gateway is None or gateway.regime is None else gateway.regime
        if reading.reason & Reason.NO_DEVICE_TIME:
            age = plain
        elif message.sent != NO_TIME:
            age = message.sent - reading.time
        else:
            age = message.received - offset - reading.time
        if not -300 * S <= age <= 900 * S and -300 * S <= plain <= 900 * S:
            age = plain
        reason, quality, value = reading.reason, reading.quality, reading.value
        sensor = self.sensors.get(reading.sensor)
        if sensor is not None:
            quality, reason, value = self.worth(sensor.spec, quality, reason, value)
        if age < -300 * S:
            self.verdicts.append((quality, reason | Reason.FUTURE, False, False, False, age))
            if gateway is not None:
                self.from_the_future(gateway, message, 300.0, age, int(Reason.FUTURE))
            return
        history = age > 900 * S or message.backfill or bool(reason & Reason.HISTORICAL)
        if history:
            reason |= Reason.HISTORICAL
        elif age > 60 * S:
            reason |= Reason.LATE
        if sensor is None:
            self.verdicts.append((quality, reason, False, False, False, age))
            return
        fresh = sensor.kept is None or reading.time > sensor.kept
        if fresh:
            sensor.kept = reading.time
        now = message.received + 30 * S
        likely = [latest for latest in (now, now - offset) if reading.time <= latest]
        impossible = bool(likely) and sensor.time is not None and sensor.time > min(likely)
        newer = sensor.time is None or reading.time > sensor.time
        live = not history and (newer or impossible)
        if not history and not live:
            assert sensor.time is not None
            if reading.time < sensor.time:
                reason |= Reason.STRAGGLER
            elif reading.value == sensor.value or (
                math.isnan(reading.value) and math.isnan(sensor.value)
            ):
                reason |= Reason.DUPLICATE
            else:
                reason |= Reason.CORRECTION
        self.verdicts.append((quality, reason, True, live, fresh, age))
        if live:
            if impossible:
                assert sensor.time is not None
                void = sensor.time - reading.time
                for level, (state, since) in sensor.conditions.items():
                    begun = since - void if since > min(likely) else since
                    sensor.conditions[level] = (state, begun)
            sensor.time, sensor.value = reading.time, reading.value
            sensor.received, sensor.heard = message.received, self.listened
            number = value if math.isfinite(value) else None
            self.judge(sensor, quality, value, (reading.time, message.received, number, reason))

    def worth(
        self, spec: SensorSpec, quality: int, reason: int, value: float
    ) -> tuple[int, int, float]:
        if quality not in {Quality.GOOD, Quality.UNCERTAIN, Quality.ESTIMATED}:
            return quality, reason, value
        high = [limit.setpoint for limit in spec.limits if limit.level in {"H", "HH"}]
        low = [limit.setpoint for limit in spec.limits if limit.level in {"L", "LL"}]
        finite = math.isfinite(value)
        over = bool(reason & Reason.OVER_RANGE)
        if spec.range_high is not None and finite and value > spec.range_high:
            over = True
        under = bool(reason & Reason.UNDER_RANGE)
        if spec.range_low is not None and finite and value < spec.range_low:
            under = True
        fault = bool(reason & Reason.DEVICE_FAULT)
        if over:
            reason |= Reason.OVER_RANGE
        if under:
            reason |= Reason.UNDER_RANGE
        if fault:
            return Quality.BAD, reason, value
        if over and high:
            top = high if spec.range_high is None else [*high, spec.range_high]
            return Quality.UNCERTAIN, reason, max(top)
        if under and low:
            bottom = low if spec.range_low is None else [*low, spec.range_low]
            return Quality.UNCERTAIN, reason, min(bottom)
        if over or under:
            return Quality.BAD, reason, value
        if not finite:
            null = bool(reason & Reason.NULL_VALUE)
            return Quality.BAD, reason if null else reason | Reason.NON_FINITE, value
        return quality, reason, value

    def judge(
        self, sensor: Sensor, quality: int, value: float, at: tuple[int, int, float | None, int]
    ) -> None:
        number, gateway = sensor.spec.id, sensor.spec.gateway
        if sensor.stale:
            spoken = (at[1], at[1], None, 0)
            self.flat("stale", "active", number, gateway, self.silence(sensor) / S, spoken)
            sensor.stale = False
            was_muted = sensor.muted
            self.release(number, gateway, "stale", spoken)
            sensor.muted = False
            alarm = self.alarms.get((number, "stale"))
            if was_muted and alarm is not None and not sensor.spec.suppressed:
                self.cover_moved(alarm, "unsuppress", spoken)
        usable = quality in {Quality.GOOD, Quality.UNCERTAIN, Quality.ESTIMATED}
        if usable:
            sensor.held = value
        changed = set()
        for level in ("HH", "H", "L", "LL"):
            limit = next((x for x in sensor.spec.limits if x.level == level), None)
            if limit is None:
                continue
            before, since = sensor.conditions[level]
            if usable:
                after = self.next(limit, before, since, value, quality == Quality.GOOD, at[0])
            elif quality in {Quality.CALIBRATION, Quality.MAINTENANCE, Quality.STOPPED}:
                after = "normal" if before == "pending" else before
            else:
                after = before
            if after != before:
                sensor.conditions[level] = (after, at[0])
                self.moved(sensor, limit, before, after, at)
                changed.add("high" if level in {"HH", "H"} else "low")
        for family in ("high", "low"):
            if family in changed:
                self.settle(sensor, family, at)

    def next(
        self, limit: Limit, state: str, since: int, value: float, good: bool, time: int
    ) -> str:
        if limit.level in {"HH", "H"}:
            exceeded = value >= limit.setpoint
            returned = value < limit.setpoint - limit.deadband
        else:
            exceeded = value <= limit.setpoint
            returned = value > limit.setpoint + limit.deadband
        if state == "normal" and exceeded:
            return "pending" if limit.on_delay_us > 0 else "active"
        if state == "pending" and not exceeded:
            return "normal"
        if state == "pending" and time >= since + limit.on_delay_us:
            return "active"
        if state == "active" and returned and good:
            return "clearing" if limit.off_delay_us > 0 else "normal"
        if state == "clearing" and not returned:
            return "active"
        if state == "clearing" and good and time >= since + limit.off_delay_us:
            return "normal"
        return state

    def moved(self, sensor: Sensor, limit: Limit, before: str, after: str, at: Any) -> None:
        family = "high" if limit.level in {"HH", "H"} else "low"
        self.say(
            "condition", limit.level, before, after, sensor.spec.id, sensor.spec.gateway, family,
            at, limit=limit.setpoint, level=limit.level,
        )  # fmt: skip

    def settle(self, sensor: Sensor, family: str, at: Any) -> None:
        levels = ("HH", "H") if family == "high" else ("LL", "L")
        limits = {limit.level: limit for limit in sensor.spec.limits}
        active = [
            limits[level]
            for level in levels
            if level in limits and sensor.conditions[level][0] in {"active", "clearing"}
        ]
        if not active:
            self.release(sensor.spec.id, sensor.spec.gateway, family, at)
            return
        latch = any(limit.latch for limit in active)
        self.activate(
            sensor.spec.id, sensor.spec.gateway, family, active[0].level, active[0].setpoint, at,
            latch=latch,
        )  # fmt: skip

    # -- ticks ------------------------------------------------------------------------------------

    def silence(self, sensor: Sensor) -> int:
        return max(3 * sensor.spec.period_us, 300 * S)

    def tick(self, now: int, *, listening: bool) -> None:
        self.deaf = 0 if listening else self.deaf + S
        if listening or self.deaf >= 60 * S:
            self.end_delays(now)
        self.listening = listening
        if listening:
            self.listened += S
            self.notice_silence(now)
        self.end_shelves(now)

    def end_delays(self, now: int) -> None:
        for sensor in self.sensors.values():
            for level in ("HH", "H", "L", "LL"):
                state, since = sensor.conditions.get(level, ("normal", 0))
                if state != "pending":
                    continue
                assert sensor.time is not None
                limit = next(x for x in sensor.spec.limits if x.level == level)
                if now >= sensor.received + limit.on_delay_us - (sensor.time - since):
                    began = since + limit.on_delay_us
                    sensor.conditions[level] = ("active", began)
                    held = (began, now, sensor.held, 0)
                    self.moved(sensor, limit, "pending", "active", held)
                    self.settle(sensor, "high" if level in {"HH", "H"} else "low", held)

    def end_shelves(self, now: int) -> None:
        for alarm in list(self.alarms.values()):
            at = (now, now, None, 0)
            if alarm["until"] is not None and now >= alarm["until"]:
                before = alarm["seen"]
                alarm["until"] = None
                self.alarm_moved(alarm, "shelf_expired", before, at)
            realarm = self.configuration.timing.realarm_us
            if realarm and self.seen(alarm) == "acknowledged" and now - alarm["by"] >= realarm:
                alarm["acknowledged"] = False
                self.alarm_moved(alarm, "realarm", "acknowledged", at)

    def notice_silence(self, now: int) -> None:
        for number, gateway in self.gateways.items():
            silent = self.listened - gateway.heard
            if not gateway.stale and silent >= gateway.spec.silence_us:
                gateway.stale = True
                at = (now, now, silent / S, 0)
                limit = gateway.spec.silence_us / S
                self.flat("stale", "normal", None, number, limit, at)
                self.activate(None, number, "stale", None, limit, at, latch=False)
        settled = []
        for number, sensor in self.sensors.items():
            silent = self.listened - sensor.heard
            if not sensor.stale and silent >= self.silence(sensor):
                sensor.stale = True
                sensor.muted = self.muted(sensor)
                at = (now, now, silent / S, 0)
                limit = self.silence(sensor) / S
                self.flat("stale", "normal", number, sensor.spec.gateway, limit, at)
                gateway_number = sensor.spec.gateway
                self.activate(number, gateway_number, "stale", None, limit, at, latch=False)
            else:
                settled.append(sensor)
        for sensor in settled:
            if sensor.stale and sensor.muted != self.muted(sensor):
                sensor.muted = not sensor.muted
                alarm = self.alarms.get((sensor.spec.id, "stale"))
                if alarm is not None and not sensor.spec.suppressed:
                    event = "suppress" if sensor.muted else "unsuppress"
                    self.cover_moved(alarm, event, (now, now, None, 0))

    def muted(self, sensor: Sensor) -> bool:
        gateway = self.gateways[sensor.spec.gateway]
        talking = math.inf if gateway.spoke is None else self.listened - gateway.spoke
        return gateway.stale or talking < self.silence(sensor)

    # -- alarms -----------------------------------------------------------------------------------

    def covers(self, sensor: int | None, family: str) -> tuple[bool, bool]:
        if sensor is None:
            return False, False
        memory = self.sensors[sensor]
        muted = memory.muted and family == "stale"
        return memory.spec.out_of_service, memory.spec.suppressed or muted

    def seen(self, alarm: dict[str, Any]) -> str:
        needs = alarm["rung"] and not alarm["acknowledged"]
        if not alarm["active"] and not alarm["latched"] and not needs and alarm["until"] is None:
            return "normal"
        out, suppressed = self.covers(alarm["sensor"], alarm["family"])
        if out:
            return "out_of_service"
        if suppressed:
            return "suppressed"
        if alarm["until"] is not None:
            return "shelved"
        if alarm["active"]:
            return "unacknowledged" if needs else "acknowledged"
        if alarm["latched"]:
            return "latched_unacknowledged" if needs else "latched_acknowledged"
        return "returned_unacknowledged"

    def activate(
        self, sensor: int | None, gateway: int, family: str, level: str | None, limit: float,
        at: Any, *, latch: bool,
    ) -> None:  # fmt: skip
        key = (-1 - gateway if sensor is None else sensor, family)
        alarm = self.alarms.get(key)
        rank = {None: 0, "H": 1, "L": 1, "HH": 2, "LL": 2}
        if alarm is None:
            alarm = {
                "key": key, "number": self.raised, "sensor": sensor, "gateway": gateway,
                "family": family, "level": level, "limit": limit, "active": True,
                "acknowledged": False, "latched": latch, "until": None, "by": 0, "count": 1,
                "rung": not any(self.covers(sensor, family)),
            }  # fmt: skip
            self.raised += 1
            self.alarms[key] = alarm
            self.alarm_moved(alarm, "raise", "normal", at)
            return
        worse = rank[level] - rank[alarm["level"]]
        was_active = alarm["active"]
        if was_active and worse == 0:
            alarm["latched"] |= latch
            return
        if alarm["until"] is not None and worse > 0:
            before = alarm["seen"]
            alarm["until"] = None
            self.alarm_moved(alarm, "shelf_broken", before, at, end=False)
        before = alarm["seen"]
        alarm["level"], alarm["limit"] = level, limit
        alarm["active"] = True
        alarm["latched"] |= latch
        if worse > 0 or not was_active:
            alarm["acknowledged"] = False
        if not was_active:
            alarm["count"] += 1
            self.alarm_moved(alarm, "reactivate", before, at)
        else:
            self.alarm_moved(alarm, "escalate" if worse > 0 else "deescalate", before, at)

    def release(self, sensor: int | None, gateway: int, family: str, at: Any) -> None:
        alarm = self.alarms.get((-1 - gateway if sensor is None else sensor, family))
        if alarm is not None and alarm["active"]:
            before = alarm["seen"]
            alarm["active"] = False
            self.alarm_moved(alarm, "return", before, at)

    def cover_moved(self, alarm: dict[str, Any], event: str, at: Any) -> None:
        before = alarm["seen"]
        if not any(self.covers(alarm["sensor"], alarm["family"])):
            alarm["rung"] = True
        self.alarm_moved(alarm, event, before, at)

    def alarm_moved(
        self, alarm: dict[str, Any], event: str, before: str, at: Any, *, end: bool = True,
        actor: str | None = None, note: str | None = None,
    ) -> None:  # fmt: skip
        after = alarm["seen"] = self.seen(alarm)
        self.say(
            "alarm", event, before, after, alarm["sensor"], alarm["gateway"], alarm["family"], at,
            limit=alarm["limit"], level=alarm["level"], alarm=str(alarm["number"]), actor=actor,
            note=note,
        )  # fmt: skip
        if after == "normal" and end:
            del self.alarms[alarm["key"]]

    def act(self, act: Act, key: tuple[int, str]) -> str | None:
        """Returns the refusal's code."""
        alarm = self.alarms.get(key)
        if alarm is None:
            return "unknown_alarm"
        state = self.seen(alarm)
        plain = state not in {"shelved", "suppressed", "out_of_service"}
        legal, already = {
            "acknowledge": (
                plain and not alarm["acknowledged"],
                plain and alarm["acknowledged"],
            ),
            "shelve": (plain, state == "shelved"),
            "unshelve": (state == "shelved", plain),
            "reset": (
                plain and alarm["latched"] and not alarm["active"],
                state == "returned_unacknowledged",
            ),
            "comment": (True, False),
        }[act.verb]
        if not legal:
            return "already" if already else "not_allowed"
        if act.verb != "comment" and act.seen is not None and act.seen != state:
            eased = act.seen == "unacknowledged" and not alarm["active"]
            if act.verb != "acknowledge" or not eased:
                return "changed"
        worse = act.seen_level in {"H", "L"} and alarm["level"] in {"HH", "LL"}
        if act.verb != "comment" and worse:
            return "changed"
        if act.verb == "shelve":
            if not act.note:
                return "reason_required"
            if act.until is None or act.until <= act.at:
                return "shelf_in_past"
            if act.until > act.at + self.configuration.timing.max_shelf_us:
                return "shelf_too_long"
            alarm["until"] = act.until
        elif act.verb == "acknowledge":
            alarm["acknowledged"], alarm["by"] = True, act.at
        elif act.verb == "unshelve":
            alarm["until"] = None
        elif act.verb == "reset":
            alarm["latched"] = False
        at = (act.at, act.at, None, 0)
        self.alarm_moved(alarm, act.verb, state, at, actor=act.actor, note=act.note or None)
        return None

    # -- the record -------------------------------------------------------------------------------

    def flat(
        self, kind: str, before: str, sensor: int | None, gateway: int, limit: float, at: Any
    ) -> None:
        after = "active" if before == "normal" else "normal"
        family = "clock" if kind == "mismatch" else kind
        self.say("condition", kind, before, after, sensor, gateway, family, at, limit=limit)

    def say(
        self, what: Any, event: str, before: str, after: str, sensor: int | None, gateway: int,
        family: Any, at: Any, *, limit: float, level: str | None = None, alarm: str | None = None,
        actor: str | None = None, note: str | None = None,
    ) -> None:  # fmt: skip
        time, decided, value, reason = at
        self.transitions.append(
            Transition(
                what=what, event=event, from_state=before, to_state=after, sensor=sensor,
                gateway=gateway, family=family, time=time, decided=decided, value=value,
                limit=limit, level=level, alarm=alarm, actor=actor, note=note, reason=int(reason),
            )
        )  # fmt: skip
