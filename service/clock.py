"""The clock: the only place that asks what time it is."""

from __future__ import annotations

import time


def now_us() -> int:
    """Server time, int64 µs UTC."""
    return time.time_ns() // 1000
