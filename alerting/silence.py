"""Who has fallen silent, and who speaks again.

Silence is measured in seconds in which ingest was listening. A silent gateway mutes the staleness
of its sensors: one alarm for one cause. When it speaks again each sensor gets its own full time to
follow before its staleness is shown.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.conditions import NEVER
from alerting.judgement import Cause, Judgement, Trouble, seconds
from alerting.lifecycle import NO_COVER, Cover

SENSOR_PRIORITY: Final = 4
GATEWAY_PRIORITY: Final = 3


def _sensor_trouble(work: Judgement, row: int) -> Trouble:
    program = work.program
    silence = int(program.silence[row])
    return Trouble(
        sensor=int(program.sensor[row]),
        gateway=int(program.gateway[program.sensor_gateway[row]]),
        family="stale",
        kind="stale",
        priority=SENSOR_PRIORITY,
        limit=seconds(silence),
        on_delay_us=silence,
    )


def _gateway_trouble(work: Judgement, row: int) -> Trouble:
    silence = int(work.program.gateway_silence[row])
    return Trouble(
        sensor=None,
        gateway=int(work.program.gateway[row]),
        family="stale",
        kind="stale",
        priority=GATEWAY_PRIORITY,
        limit=seconds(silence),
        on_delay_us=silence,
    )


def notice_silence(work: Judgement, now: int) -> None:
    """On a listening tick: gateways first, because they mute their sensors."""
    draft, program = work.draft, work.program
    silent = draft.listened - draft.gateways.heard
    for row in np.flatnonzero(~draft.gateways.stale & (silent >= program.gateway_silence)).tolist():
        draft.own_gateways().stale[row] = True
        cause = Cause(now, now, seconds(int(silent[row])))
        trouble = _gateway_trouble(work, row)
        work.silence(trouble, "normal", "active", cause)
        work.activate(trouble, NO_COVER, cause)
    silent = draft.listened - draft.newest.heard
    fallen = ~draft.conditions.stale & (silent >= program.silence)
    mute = _muted(work)
    for row in np.flatnonzero(fallen).tolist():
        conditions = draft.own_conditions()
        conditions.stale[row] = True
        conditions.muted[row] = mute[row]
        conditions.until[row] = NEVER
        cause = Cause(now, now, seconds(int(silent[row])))
        trouble = _sensor_trouble(work, row)
        work.silence(trouble, "normal", "active", cause)
        work.activate(trouble, work.cover_at(row, "stale"), cause)
    _move_mutes(work, mute, Cause(now, now))


def _muted(work: Judgement) -> NDArray[np.bool_]:
    """Per sensor: the gateway is silent, or has spoken again for less than the sensor's time."""
    draft, program = work.draft, work.program
    gateways = draft.gateways
    spoke = np.where(gateways.spoke == NEVER, NEVER // 2, gateways.spoke)
    since = (draft.listened - spoke)[program.sensor_gateway]
    return gateways.stale[program.sensor_gateway] | (since < program.silence)


def _move_mutes(work: Judgement, mute: NDArray[np.bool_], cause: Cause) -> None:
    conditions = work.draft.conditions
    for row in np.flatnonzero(conditions.stale & (conditions.muted != mute)).tolist():
        work.draft.own_conditions().muted[row] = mute[row]
        trouble = _sensor_trouble(work, row)
        alarm = work.draft.alarm_of(trouble.sensor, trouble.gateway, "stale")
        if alarm is not None and not work.program.suppressed[row]:
            event = "suppress" if mute[row] else "unsuppress"
            work.cover(alarm, event, work.cover_at(row, "stale"), cause)


def end_sensor_silence(work: Judgement, row: int, received: int) -> None:
    """A stale sensor has sent a live reading."""
    conditions = work.draft.own_conditions()
    cause = Cause(received, received)
    trouble = _sensor_trouble(work, row)
    cover = work.cover_at(row, "stale")
    muted = bool(conditions.muted[row])
    conditions.stale[row] = conditions.muted[row] = False
    work.silence(trouble, "active", "normal", cause)
    work.release(trouble.sensor, trouble.gateway, "stale", cover, cause)
    alarm = work.draft.alarm_of(trouble.sensor, trouble.gateway, "stale")
    if muted and alarm is not None and not work.program.suppressed[row]:
        work.cover(alarm, "unsuppress", Cover(cover.out_of_service, suppressed=False), cause)


def end_gateway_silence(work: Judgement, row: int, received: int) -> None:
    """A silent gateway has sent a message."""
    gateways = work.draft.own_gateways()
    gateways.stale[row] = False
    gateways.spoke[row] = work.draft.listened
    cause = Cause(received, received)
    trouble = _gateway_trouble(work, row)
    work.silence(trouble, "active", "normal", cause)
    work.release(None, trouble.gateway, "stale", NO_COVER, cause)
