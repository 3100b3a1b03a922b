"""The words of the native message: quality letters, what a tag stands for, flags as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.readings import Quality, Reason

QUALITY_LETTERS: Final[Mapping[str, Quality]] = {
    "G": Quality.GOOD,
    "U": Quality.UNCERTAIN,
    "B": Quality.BAD,
    "C": Quality.CALIBRATION,
    "M": Quality.MAINTENANCE,
    "F": Quality.STOPPED,
    "E": Quality.ESTIMATED,
}
"""What a gateway may claim; `O` (offline) is made by the server only."""

# Plain numbers for the decoder: arithmetic on members of a flag costs a microsecond each time.
QUALITY_NUMBERS: Final[Mapping[str, int]] = {
    letter: int(quality) for letter, quality in QUALITY_LETTERS.items()
}
BAD: Final = int(Quality.BAD)
NO_DEVICE_TIME: Final = int(Reason.NO_DEVICE_TIME)
NO_IDENTITY: Final = int(Reason.NO_DEVICE_TIME | Reason.NO_IDENTITY)
DEVICE_FAULT: Final = int(Reason.DEVICE_FAULT)
NULL_VALUE: Final = int(Reason.NULL_VALUE)
NON_FINITE: Final = int(Reason.NON_FINITE)


class SensorRef(NamedTuple):
    """What a tag of a gateway stands for: the sensor's id, and the numbers of its states."""

    id: int
    states: Mapping[str, float] | None = None
