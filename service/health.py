"""How the service is: the figures of the live health frame, readiness, liveness.

What is asked is answered from memory (`service.figures`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from api.answers import rfc3339_or_none
from api.phrases import in_both
from domain.readings import MICROSECONDS
from ingest import Ingest
from service.figures import Figures
from service.forgetting import Forgetting
from service.spine import Spine
from service.standby import Standby
from service.storer import Storer

STALE_TURN_S: Final = 10.0
"""The spine counts as turning while its last entry (a tick comes each second) is younger."""
VERSION: Final = version("vedette")


class Health:
    """One per process; `run` is a task."""

    def __init__(
        self,
        *,
        figures: Figures,
        spine: Spine,
        storer: Storer,
        ingest: Ingest,
        standby: Standby,
        forgetting: Forgetting,
        clock: Callable[[], int],
    ) -> None:
        self.figures = figures
        self._spine = spine
        self._storer = storer
        self._ingest = ingest
        self._standby = standby
        self._forgetting = forgetting
        self._clock = clock

    async def run(self) -> None:
        """Task: keep the figures fresh, for ever."""
        await self.figures.run()

    def frame(self) -> dict[str, Any]:
        """The stream's health frame, once a second."""
        session, losses, figures = self._ingest.session, self._storer.losses, self.figures
        faults, journal_fault = self._ingest.faults, self._spine.fault
        standby_faults = dict(self._standby.faults)  # threads write there
        return {
            "store": {
                "available": self._storer.fault is None,
                "lag_s": round(figures.store_lag_s(), 2),
                "reason": self._storer.fault,
                "set_aside": losses.set_aside,
            },
            "broker": {
                "connected": session is not None and session.ready.is_set(),
                "listening": self._ingest.listening,
                "faults": faults,
                "fault_texts": [in_both(fault) for fault in faults],
            },
            "journal": {
                "lag_readings": figures.lag_readings(),
                "free_mib": figures.free_mib,
                "astray": figures.astray,
                "fault": journal_fault,
                "fault_text": None if journal_fault is None else in_both(journal_fault),
                "holes": losses.holes,
                "newest_hole_at": rfc3339_or_none(losses.newest_hole_at),
            },
            "standby": {
                "faults": standby_faults,
                "fault_texts": {name: in_both(why) for name, why in standby_faults.items()},
            },
            "retention": {"clock_ahead_s": self._forgetting.clock_ahead_s},
            "turning": self.turning(),
            "readings_per_s": round(figures.readings_per_s(), 1),
            "decision_ms_p50": self._spine.decision_ms_p50(),
            "gateways_online": figures.gateways_online(),
            "version": VERSION,
        }

    def unready(self) -> list[str]:
        """Why this process should get no traffic; empty when it is ready."""
        reasons = list(self._ingest.faults)
        session = self._ingest.session
        if session is None or not session.ready.is_set():
            reasons.append("no session with the broker")
        if self._spine.fault is not None:
            reasons.append(f"the journal cannot keep readings: {self._spine.fault}")
        if self._storer.fault is not None:
            reasons.append(self._storer.fault)
        if not self.turning():
            reasons.append("nothing has been judged for 10 s")
        return reasons

    def alive(self) -> bool:
        """Whether a restart would not help: it turns, or it cannot and says why (systemd asks)."""
        return self.turning() or self._spine.fault is not None

    def turning(self) -> bool:
        """Whether the fold still moves; the outer heartbeat hangs on it."""
        last = self._spine.progress.folded_at
        return last is not None and self._clock() - last < STALE_TURN_S * MICROSECONDS
