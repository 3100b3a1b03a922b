"""The live streams of one process: alarm events, newest values, health, to every open screen.

Each alarm event is encoded once, each frame of newest values once a scope; per screen there is
only a mailbox. What a screen may see is asked of the registry as it stands at that moment.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.absences import Absences
from api.alarm_views import AlarmView, AlarmViews
from api.answers import Time, encode, rfc3339
from api.own_health import OwnHealth
from api.ports import Event, Latest, Live
from api.screens import Mailbox
from api.sight import Sight, Sights
from store.registry import Registry
from store.scope import Scope

LATEST_S: Final = 0.25
HEALTH_EVERY: Final = 4
"""Turns of `LATEST_S` between two health frames."""
PER_USER: Final = 50
FRAMES: Final = 4_096
"""Encoded alarm events that are kept for the other screens."""
RESET: Final = b"event: reset\ndata: {}\n\n"
Wanted = Literal["all", "none"] | frozenset[int]


class AlarmFrame(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Data of `event: alarm`. `at`: server time of the decision; `stored`: in the database."""

    alarm: AlarmView
    event: str
    from_: str
    to: str
    at: Time
    stored: bool


@dataclass(eq=False, slots=True)
class Screen:
    """One open stream. `scope` gives what its user may see now, None once he may not look."""

    user: str
    wanted: Wanted
    scope: Callable[[], Scope | None]
    mailbox: Mailbox
    sight: Sight | None = None


class Streams:
    """One per process; `run` is a task of the application's life."""

    def __init__(
        self, live: Live, views: AlarmViews, absences: Absences, clock: Callable[[], int]
    ) -> None:
        self._live = live
        self._views = views
        self._absences = absences
        self._clock = clock
        self._own_health = OwnHealth(live, clock)
        self._sights = Sights(live)
        self._screens: set[Screen] = set()
        self._users: Counter[str] = Counter()
        self._frames: OrderedDict[tuple[int, int, bool], bytes] = OrderedDict()
        self._newest: Latest | None = None
        self._masks: dict[Scope, NDArray[np.bool_]] = {}
        self._masks_of: tuple[Registry, NDArray[np.int32]] | None = None
        self.closed = False

    def __len__(self) -> int:
        return len(self._screens)

    def streams_of(self, user: str) -> int:
        return self._users[user]

    def open(self, screen: Screen) -> None:
        """Add a screen; its first frames, full ones, wait in its mailbox when this returns."""
        self._screens.add(screen)
        self._users[screen.user] += 1
        scope = screen.scope()
        if scope is None:
            screen.mailbox.close()
            return
        screen.sight = self._sights.of(scope)
        if screen.wanted != "none":
            self._put_full(screen, scope, self._live.latest())
        screen.mailbox.put_health(self._health(scope))

    def close(self, screen: Screen) -> None:
        self._screens.discard(screen)
        self._users[screen.user] -= 1
        if not self._users[screen.user]:
            del self._users[screen.user]

    def close_all(self) -> None:
        """End every stream at once: the service is stopping."""
        self.closed = True
        for screen in self._screens:
            screen.mailbox.close()

    # Alarm events.

    def may_go_on(self, user: str, after: tuple[int, int]) -> bool:
        """Whether a screen of a user may resume from an id, or must start over."""
        return self._absences.may_go_on(user, after)

    def alarms(
        self, scope: Callable[[], Scope | None], after: tuple[int, int] | None
    ) -> AsyncIterator[bytes]:
        """Frames of alarm events after an id, or from now on; the place is taken at once."""
        return self._alarm_frames(self._live.events(after), scope)

    async def _alarm_frames(
        self, events: AsyncIterator[Event | None], scope: Callable[[], Scope | None]
    ) -> AsyncIterator[bytes]:
        async for event in events:
            if event is None:
                yield RESET
                continue
            seen = scope()
            if seen is not None and self._live.registry.sees_gateway(seen, event.alarm.gateway):
                yield self._alarm_frame(event)

    def _alarm_frame(self, event: Event) -> bytes:
        key = (event.position, event.ordinal, event.stored)
        frame = self._frames.get(key)
        if frame is None:
            alarm = self._views.json(self._live.registry, event.alarm, stored=event.stored)
            change = event.transition
            data = encode(
                {
                    "alarm": alarm,
                    "event": change.event,
                    "from": change.from_state,
                    "to": change.to_state,
                    "at": rfc3339(change.decided),
                    "stored": event.stored,
                }
            )
            frame = b"id: %d.%d\nevent: alarm\ndata: %b\n\n" % (key[0], key[1], data)
            self._frames[key] = frame
            if len(self._frames) > FRAMES:
                self._frames.popitem(last=False)
        return frame

    # Newest values and health.

    async def run(self) -> None:
        """Task: push newest values four times a second and health each second, for ever."""
        turn = 0
        while True:
            self._absences.look()
            await asyncio.sleep(LATEST_S)
            turn += 1
            self._push_resets()
            self._push_latest()
            if turn % HEALTH_EVERY == 0:
                self._push_health()

    def _push_resets(self) -> None:
        for screen in self._screens:
            scope = screen.scope()
            if scope is None:
                continue
            before, screen.sight = screen.sight, self._sights.of(scope)
            if before is not None and self._sights.must_start_over(before, screen.sight):
                screen.mailbox.put_reset(RESET)

    def _push_latest(self) -> None:
        watching = [screen for screen in self._screens if screen.wanted != "none"]
        if not watching:
            self._newest = None
            return
        latest = self._live.latest()
        changed = _changed(self._newest, latest)
        self._newest = latest
        frames: dict[Scope, bytes | None] = {}
        for screen in watching:
            scope = screen.scope()
            if scope is None:
                continue
            if changed is None or screen.mailbox.wants_full:
                self._put_full(screen, scope, latest)
            elif isinstance(screen.wanted, frozenset):
                wanted = changed & self._mask(scope, latest)
                self._put(screen, _latest_frame(latest, wanted & _among(latest, screen.wanted)))
            else:
                if scope not in frames:
                    frames[scope] = _latest_frame(latest, changed & self._mask(scope, latest))
                self._put(screen, frames[scope])

    def _put(self, screen: Screen, frame: bytes | None) -> None:
        if frame is not None:
            screen.mailbox.put_latest(frame, full=False)

    def _put_full(self, screen: Screen, scope: Scope, latest: Latest) -> None:
        rows = self._mask(scope, latest)
        if isinstance(screen.wanted, frozenset):
            rows = rows & _among(latest, screen.wanted)
        frame = _latest_frame(latest, rows, full=True)
        assert frame is not None
        screen.mailbox.put_latest(frame, full=True)

    def _mask(self, scope: Scope, latest: Latest) -> NDArray[np.bool_]:
        """Which rows, bool (s,), of `latest` a scope sees; kept while registry and rows stand."""
        registry = self._live.registry
        if (
            self._masks_of is None
            or self._masks_of[0] is not registry
            or not np.array_equal(self._masks_of[1], latest.sensor)
        ):
            self._masks_of = (registry, latest.sensor)
            self._masks = {}
        mask = self._masks.get(scope)
        if mask is None:
            if scope.everything:
                mask = np.ones(len(latest.sensor), dtype=np.bool_)
            else:
                seen = [registry.sees_sensor(scope, int(sensor)) for sensor in latest.sensor]
                mask = np.array(seen, dtype=np.bool_)
            self._masks[scope] = mask
        return mask

    def _push_health(self) -> None:
        frames: dict[Scope, bytes] = {}
        for screen in list(self._screens):
            scope = screen.scope()
            if scope is None:
                screen.mailbox.close()
                continue
            if scope not in frames:
                frames[scope] = self._health(scope)
            screen.mailbox.put_health(frames[scope])

    def _health(self, scope: Scope) -> bytes:
        frame = {"now": rfc3339(self._clock()), **self._own_health.frame(scope)}
        return b"event: health\ndata: %b\n\n" % encode(frame)


def _among(latest: Latest, sensors: frozenset[int]) -> NDArray[np.bool_]:
    return np.isin(latest.sensor, np.fromiter(sensors, dtype=np.int32, count=len(sensors)))


def _changed(before: Latest | None, after: Latest) -> NDArray[np.bool_] | None:
    """Rows that differ, bool (s,); None when the sensors themselves do, or nothing was before."""
    if before is None or not np.array_equal(before.sensor, after.sensor):
        return None
    differs: NDArray[np.bool_] = (before.time != after.time) | (before.quality != after.quality)
    # as bits: a NaN equals itself
    differs |= before.value.view(np.int64) != after.value.view(np.int64)
    return differs


def _latest_frame(latest: Latest, rows: NDArray[np.bool_], *, full: bool = False) -> bytes | None:
    """The frame of some rows; None when there is nothing to say."""
    if not full and not rows.any():
        return None
    items = zip(
        latest.sensor[rows].tolist(),
        (latest.time[rows] // 1000).tolist(),
        latest.value[rows].tolist(),
        latest.quality[rows].tolist(),
        strict=True,
    )
    return b"event: latest\ndata: %b\n\n" % encode({"full": full, "items": list(items)})
