"""What one turn of the fold returns: everything that changed, and what became of each reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerting.alarms import Alarm, Refusal, Transition


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of the n readings of a batch, row by row.

    Attributes:
        quality: uint8 (n,), the quality to store (over-range and range faults applied).
        reason: uint16 (n,), the `Reason` bits to store.
        kept: bool (n,), to be stored; False for future readings (quarantined) and for readings
            of sensors the program does not know.
        live: bool (n,), judged live: newest of its sensor and not too old.
        fresh: bool (n,), kept and strictly newer than every reading of its sensor ever kept:
            it cannot collide with a stored row.
        age: int64 µs (n,), as defined under "Time, lateness, range" of the contract.
    """

    quality: NDArray[np.uint8]
    reason: NDArray[np.uint16]
    kept: NDArray[np.bool_]
    live: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    age: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Transitions in order (a transition's ordinal is its index), and the alarms they changed.

    `alarms` holds each changed alarm once, as it stands afterwards; a closed one has state
    "normal". `verdict` is None unless the entry was a batch.
    """

    transitions: tuple[Transition, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    verdict: Verdict | None = None
    refusal: Refusal | None = None


NOTHING = Outcome()
