"""The machine of one limit: normal > pending > active > clearing, and the window where it rests.

A reading moves the machine by three facts: the limit is *exceeded*, the value has *returned* past
the deadband, and the reading *may clear* (only a good one may). Everything else about a reading
(its time, its quality, its range) was decided before.

Almost no reading moves any machine. So each sensor carries a **window**: a closed interval of
values and an end time. A reading inside it provably changes none of the sensor's four conditions,
and the engine passes over it without looking further; cost follows what changes, not what
arrives. The window is derived from conditions alone and is never stored.

    condition   rests while            for how long
    normal      not exceeded           for ever
    pending     exceeded               until the on-delay is over
    active      not returned           for ever
    clearing    returned               until the off-delay is over
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.alarms import ConditionState
from alerting.program import Program

NORMAL: Final = 0
PENDING: Final = 1
ACTIVE: Final = 2
CLEARING: Final = 3
NAMES: Final[tuple[ConditionState, ...]] = ("normal", "pending", "active", "clearing")

FOREVER: Final = 2**63 - 1
NEVER: Final = -(2**63)


def advance_condition(  # noqa: PLR0911  one return for each arrow of the machine
    state: int,
    since: int,
    *,
    exceeded: bool,
    returned: bool,
    may_clear: bool,
    time: int,
    on_delay: int,
    off_delay: int,
) -> tuple[int, int]:
    """Move one machine by one reading; returns the state and the time its delay began.

    A delay of d is over at the first reading not earlier than its begin + d.
    """
    if state == NORMAL:
        if exceeded:
            return (PENDING if on_delay else ACTIVE), time
    elif state == PENDING:
        if not exceeded:
            return NORMAL, time
        if time - since >= on_delay:
            return ACTIVE, time
    elif state == ACTIVE:
        if returned and may_clear:
            return (CLEARING if off_delay else NORMAL), time
    elif not returned:
        return ACTIVE, time
    elif may_clear and time - since >= off_delay:
        return NORMAL, time
    return state, since


def is_exceeded(slot: int, value: float, setpoint: float) -> bool:
    return value >= setpoint if slot < 2 else value <= setpoint


def is_returned(slot: int, value: float, release: float) -> bool:
    return value < release if slot < 2 else value > release


def windows(
    program: Program,
    condition: NDArray[np.uint8],
    since: NDArray[np.int64],
    stale: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """The window of k sensors: lowest and highest value at rest, and its end (exclusive).

    A stale sensor has an empty window: its next reading must be looked at.

    Args:
        program: columns of the same k sensors as the rest.
        condition: uint8 (4, k).
        since: int64 (4, k).
        stale: bool (k,).
    """
    count = condition.shape[1]
    low = np.full(count, -np.inf)
    high = np.full(count, np.inf)
    until = np.full(count, FOREVER, np.int64)
    for slot in range(4):
        state = condition[slot]
        present = program.present[slot]
        edge = np.where(state <= PENDING, program.setpoint[slot], program.release[slot])
        inside = (state == PENDING) | (state == ACTIVE)
        if slot < 2:
            beyond = np.nextafter(edge, -np.inf)
            np.maximum(low, edge, out=low, where=present & inside)
            np.minimum(high, beyond, out=high, where=present & ~inside)
        else:
            beyond = np.nextafter(edge, np.inf)
            np.minimum(high, edge, out=high, where=present & inside)
            np.maximum(low, beyond, out=low, where=present & ~inside)
        delay = np.where(state == PENDING, program.on_delay[slot], program.off_delay[slot])
        timed = present & ((state == PENDING) | (state == CLEARING))
        np.minimum(until, since[slot] + delay, out=until, where=timed)
    until[stale] = NEVER
    return low, high, until
