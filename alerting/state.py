"""What the judge remembers between two entries: columns by row of the program, and open alarms.

A `State` is a value; nobody writes into it. A `Draft` is a state being written: it takes over the
columns it finds and copies a group of them before it first writes there, so that a state handed
out earlier stays as it was and a long run of entries copies nothing.

The two clocks here are not the server's. `listened` counts the seconds in which ingest heard the
broker; silence is measured on it, so that an outage of our own makes nothing stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.alarms import Alarm, Family
from alerting.conditions import NEVER, windows
from alerting.program import Program
from domain.readings import Quality

SCHEMA: Final = 1
SAMPLES: Final = 20
"""Clock samples kept a gateway."""

Target = tuple[int, Family]
"""Sensor id, or -1 - gateway number; and family. At most one open alarm each."""


def target_of(sensor: int | None, gateway: int, family: Family) -> Target:
    return (-1 - gateway if sensor is None else sensor, family)


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """Written by every batch. All (s,).

    Attributes:
        time, value, quality, received: of the newest live reading; NEVER, NaN and O before any.
        held: float64, the newest value that could be judged.
        kept: int64 µs, the newest event time ever stored, live or not.
        heard: int64 µs on the listened clock, at the newest live reading.
    """

    time: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    received: NDArray[np.int64]
    held: NDArray[np.float64]
    kept: NDArray[np.int64]
    heard: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Written when something changes.

    Attributes:
        state: uint8 (4, s), of each limit's machine (`alerting.conditions`).
        since: int64 µs (4, s), event time at which its delay began.
        stale: bool (s,), silent too long.
        muted: bool (s,), stale, but its gateway is or was until just now: suppressed.
        low, high: float64 (s,); until: int64 (s,): the window, derived from the rest.
    """

    state: NDArray[np.uint8]
    since: NDArray[np.int64]
    stale: NDArray[np.bool_]
    muted: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    until: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Gateways:
    """All (g,) unless said otherwise; times int64 µs.

    Attributes:
        heard: listened clock at the newest message.
        spoke: listened clock when it ended its last silence, or NEVER.
        stale: silent too long.
        wrong: its clock alarm is active.
        future: server time of the newest reading or message from the future, or NEVER.
        offset: steady clock offset (server minus gateway), or NEVER while it is not steady.
        regime: the last steady offset there was, the one in force; NEVER before any.
        sample, sampled: (g, SAMPLES), offset and receive time of each sample, newest last.
        samples: int64, how many of them there are.
    """

    heard: NDArray[np.int64]
    spoke: NDArray[np.int64]
    stale: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    future: NDArray[np.int64]
    offset: NDArray[np.int64]
    regime: NDArray[np.int64]
    sample: NDArray[np.int64]
    sampled: NDArray[np.int64]
    samples: NDArray[np.int64]


class _Saved(msgspec.Struct, frozen=True):
    schema: int
    sensor: bytes
    gateway: bytes
    listened: int
    listening: bool
    newest: dict[str, bytes]
    conditions: dict[str, bytes]
    gateways: dict[str, bytes]
    alarms: list[Alarm]
    deaf: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A value; its columns go by the rows of the program it belongs to.

    Attributes:
        sensor: int32 (s,), ids in the order of the sensors' columns.
        gateway: int32 (g,), numbers in the order of the gateways' columns.
        listened: µs in which ingest was listening, ever.
        listening: the last tick said that it is; True before any tick.
        deaf: µs that ticks have said it is not, without one between that said it is.
        alarms: the open ones by id, oldest first.
        open: id of the open alarm of each target.
    """

    sensor: NDArray[np.int32]
    gateway: NDArray[np.int32]
    newest: Newest
    conditions: Conditions
    gateways: Gateways
    listened: int
    listening: bool
    deaf: int
    alarms: Mapping[str, Alarm]
    open: Mapping[Target, str]

    def to_bytes(self) -> bytes:
        """Equal states give equal bytes."""
        saved = _Saved(
            schema=SCHEMA,
            sensor=self.sensor.tobytes(),
            gateway=self.gateway.tobytes(),
            listened=self.listened,
            listening=self.listening,
            deaf=self.deaf,
            newest=_to_bytes(self.newest),
            conditions=_to_bytes(self.conditions, leave_out=_WINDOW),
            gateways=_to_bytes(self.gateways),
            alarms=list(self.alarms.values()),
        )
        return msgspec.msgpack.encode(saved)

    @classmethod
    def from_bytes(cls, payload: bytes, program: Program) -> State:
        """Read back a state saved under the same configuration.

        Raises:
            ValueError: damaged, of another schema version, or of another configuration.
        """
        try:
            saved = msgspec.msgpack.decode(payload, type=_Saved)
        except msgspec.DecodeError as error:
            raise ValueError(f"state cannot be read: {error}") from error
        if saved.schema != SCHEMA:
            raise ValueError(f"state has schema {saved.schema}, this program knows {SCHEMA}")
        ids = (program.sensor.tobytes(), program.gateway.tobytes())
        if (saved.sensor, saved.gateway) != ids:
            raise ValueError("state is of another configuration: its sensors or gateways differ")
        empty = initial_state(program)
        conditions = _from_bytes(saved.conditions, empty.conditions, leave_out=_WINDOW)
        low, high, until = windows(program, conditions.state, conditions.since, conditions.stale)
        return cls(
            sensor=program.sensor,
            gateway=program.gateway,
            newest=_from_bytes(saved.newest, empty.newest),
            conditions=replace(conditions, low=low, high=high, until=until),
            gateways=_from_bytes(saved.gateways, empty.gateways),
            listened=saved.listened,
            listening=saved.listening,
            deaf=saved.deaf,
            alarms={alarm.id: alarm for alarm in saved.alarms},
            open={target_of(a.sensor, a.gateway, a.family): a.id for a in saved.alarms},
        )


Columns = TypeVar("Columns", Newest, Conditions, Gateways)


_WINDOW: Final = frozenset({"low", "high", "until"})
"""Derived from the other columns of `Conditions`: never stored."""


def _to_bytes(
    columns: Newest | Conditions | Gateways, *, leave_out: frozenset[str] = frozenset()
) -> dict[str, bytes]:
    names = [field.name for field in fields(columns) if field.name not in leave_out]
    return {name: getattr(columns, name).tobytes() for name in names}


def _from_bytes(
    saved: dict[str, bytes], like: Columns, *, leave_out: frozenset[str] = frozenset()
) -> Columns:
    """Columns of the shapes and types of `like`, and its very columns where left out."""
    read = {}
    for field in fields(like):
        column = getattr(like, field.name)
        if field.name in leave_out:
            read[field.name] = column
            continue
        raw = saved.get(field.name, b"")
        if len(raw) != column.nbytes:
            raise ValueError(f"state column {field.name!r}: {len(raw)} bytes, not {column.nbytes}")
        read[field.name] = np.frombuffer(raw, column.dtype).reshape(column.shape).copy()
    return type(like)(**read)


def initial_state(program: Program, *, listened: int = 0) -> State:
    """Nothing read yet; silence counts from here."""
    s, g = len(program.sensor), len(program.gateway)
    newest = Newest(
        time=np.full(s, NEVER, np.int64),
        value=np.full(s, np.nan),
        quality=np.full(s, Quality.OFFLINE, np.uint8),
        received=np.full(s, NEVER, np.int64),
        held=np.full(s, np.nan),
        kept=np.full(s, NEVER, np.int64),
        heard=np.full(s, listened, np.int64),
    )
    state = np.zeros((4, s), np.uint8)
    since = np.zeros((4, s), np.int64)
    stale = np.zeros(s, np.bool_)
    low, high, until = windows(program, state, since, stale)
    conditions = Conditions(state, since, stale, np.zeros(s, np.bool_), low, high, until)
    gateways = Gateways(
        heard=np.full(g, listened, np.int64),
        spoke=np.full(g, NEVER, np.int64),
        stale=np.zeros(g, np.bool_),
        wrong=np.zeros(g, np.bool_),
        future=np.full(g, NEVER, np.int64),
        offset=np.full(g, NEVER, np.int64),
        regime=np.full(g, NEVER, np.int64),
        sample=np.zeros((g, SAMPLES), np.int64),
        sampled=np.zeros((g, SAMPLES), np.int64),
        samples=np.zeros(g, np.int64),
    )
    return State(
        sensor=program.sensor,
        gateway=program.gateway,
        newest=newest,
        conditions=conditions,
        gateways=gateways,
        listened=listened,
        listening=True,
        deaf=0,
        alarms={},
        open={},
    )


def _copied(columns: Columns) -> Columns:
    return type(columns)(*(getattr(columns, field.name).copy() for field in fields(columns)))


class Draft:
    """A state being written by one owner. Read the attributes; write only what `own_*` gives."""

    __slots__ = (
        "_ids",
        "_owned",
        "alarms",
        "conditions",
        "deaf",
        "gateways",
        "listened",
        "listening",
        "newest",
        "open",
    )

    def __init__(self, state: State) -> None:
        self._ids = (state.sensor, state.gateway)
        self.newest = state.newest
        self.conditions = state.conditions
        self.gateways = state.gateways
        self.listened = state.listened
        self.listening = state.listening
        self.deaf = state.deaf
        self.alarms: dict[str, Alarm] = state.alarms  # type: ignore[assignment]  # copied by `put`
        self.open: dict[Target, str] = state.open  # type: ignore[assignment]
        self._owned: set[str] = set()

    def freeze(self) -> State:
        """The state as it is now; the draft may go on."""
        self._owned.clear()
        return State(
            sensor=self._ids[0],
            gateway=self._ids[1],
            newest=self.newest,
            conditions=self.conditions,
            gateways=self.gateways,
            listened=self.listened,
            listening=self.listening,
            deaf=self.deaf,
            alarms=self.alarms,
            open=self.open,
        )

    def own_newest(self) -> Newest:
        if "newest" not in self._owned:
            self._owned.add("newest")
            self.newest = _copied(self.newest)
        return self.newest

    def own_conditions(self) -> Conditions:
        if "conditions" not in self._owned:
            self._owned.add("conditions")
            self.conditions = _copied(self.conditions)
        return self.conditions

    def own_gateways(self) -> Gateways:
        if "gateways" not in self._owned:
            self._owned.add("gateways")
            self.gateways = _copied(self.gateways)
        return self.gateways

    def put(self, alarm: Alarm) -> None:
        """Keep an alarm as it now is; one that has become normal is no longer open."""
        if "alarms" not in self._owned:
            self._owned.add("alarms")
            self.alarms = dict(self.alarms)
            self.open = dict(self.open)
        target = target_of(alarm.sensor, alarm.gateway, alarm.family)
        if alarm.state == "normal":
            del self.alarms[alarm.id], self.open[target]
        else:
            self.alarms[alarm.id] = alarm
            self.open[target] = alarm.id

    def alarm_of(self, sensor: int | None, gateway: int, family: Family) -> Alarm | None:
        """The open alarm of a target."""
        number = self.open.get(target_of(sensor, gateway, family))
        return None if number is None else self.alarms[number]
