"""How a simulated gateway behaves on the line, as scenarios change it while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Conduct:
    """What one gateway does wrong just now; the defaults are a well-behaved box.

    Attributes:
        offline: its line is down: it stores, and forwards when the line is back.
        clock_offset_us: its clock is wrong by so much; `ts` and `sent` alike.
        repeat: share of messages it sends twice.
        reorder: share of messages it sends after their successor.
    """

    offline: bool = False
    clock_offset_us: int = 0
    repeat: float = 0.0
    reorder: float = 0.0
