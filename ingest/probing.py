"""Are we listening? Asked by sending ourselves a message through the broker, once a second.

It comes back behind everything the broker had queued for us, and counts only once all that is
durable. So while probes come back quickly, a gateway's silence is its own; while they do not,
it is ours, and nothing may be called stale.
"""

from __future__ import annotations

import secrets
from typing import Final

PROBE_EVERY_S: Final = 1.0
_LOST_AFTER_S: Final = 30.0


class Probing:
    """Follows our probes; times are seconds of a monotonic clock.

    Args:
        redelivery_s: A broker that sends unacknowledged messages again only after this long has
            not caught up before.
        caught_up_s: With at most this delay we count as listening.
    """

    def __init__(self, *, redelivery_s: float, caught_up_s: float) -> None:
        self._redelivery_s = redelivery_s
        self._caught_up_s = caught_up_s
        self._mark = secrets.token_hex(8)
        self._connected_at = float("inf")
        self._settled_through = float("-inf")

    def connected(self, now: float) -> None:
        self._connected_at = now

    def payload(self, now: float) -> bytes:
        """What to send now."""
        return f"{self._mark} {now!r}".encode()

    def sent_at(self, payload: bytes) -> float | None:
        """When a probe that came back was sent; None if it is not of this process."""
        mark, _, sent = payload.partition(b" ")
        return float(sent) if mark == self._mark.encode() else None

    def settled(self, sent_at: float) -> None:
        """Everything that came before this probe is durable."""
        self._settled_through = max(self._settled_through, sent_at)

    def is_listening(self, now: float) -> bool:
        return (
            self._settled_through >= self._connected_at + self._redelivery_s
            and now - self._settled_through <= self._caught_up_s
        )

    def is_lost(self, now: float) -> bool:
        """Whether probes sent on this connection never came back, for a long time."""
        return now - max(self._connected_at, self._settled_through) > _LOST_AFTER_S
