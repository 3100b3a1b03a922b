"""What the service counts, by the names of the contract; scraped at /metrics."""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerting import Outcome
from domain.readings import Reason
from service.latency import CommitLatency

BATCH_BUCKETS = (1, 5, 20, 100, 500, 1000, 2000, 5000, 10_000, 20_000)
SECOND_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One per process, with a registry of its own (so that tests can run many)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.messages_received = Counter(
            "vedette_messages_received", "Messages taken from gateways.", registry=r
        )
        self.readings_accepted = Counter(
            "vedette_readings_accepted", "Readings made durable and judged or kept.", registry=r
        )
        self.readings_stored = Counter(
            "vedette_readings_stored", "Readings committed to the database.", registry=r
        )
        self.commit_latency = CommitLatency()
        r.register(self.commit_latency)
        self.readings_rejected = Counter(
            "vedette_readings_rejected", "Readings refused, by reason.", ["reason"], registry=r
        )
        self.readings_late = Counter(
            "vedette_readings_late", "Readings that came more than 60 s late.", registry=r
        )
        self.readings_duplicate = Counter(
            "vedette_readings_duplicate", "Readings already known, ignored.", registry=r
        )
        self.batch_size = Histogram(
            "vedette_batch_size", "Readings of a batch.", buckets=BATCH_BUCKETS, registry=r
        )
        self.stage_seconds = Histogram(
            "vedette_stage_seconds",
            "Time a batch spends in a stage (s): journal, fold, commit, decide (receive to verdict).",
            ["stage"],
            buckets=SECOND_BUCKETS,
            registry=r,
        )
        self.journal_lag = Gauge(
            "vedette_journal_lag_readings",
            "Readings durable but not yet in the database.",
            registry=r,
        )
        self.journal_holes = Gauge(
            "vedette_journal_holes",
            "Stretches of the journal found lost in the last 30 days.",
            registry=r,
        )
        self.entries_set_aside = Gauge(
            "vedette_entries_set_aside",
            "Entries the database refused in the last 30 days, kept whole beside.",
            registry=r,
        )
        self.store_lag = Gauge(
            "vedette_store_lag_seconds",
            "Age of the oldest entry not yet in the database.",
            registry=r,
        )
        self.alarms_raised = Counter(
            "vedette_alarms_raised", "Alarms raised.", ["kind", "level"], registry=r
        )
        self.alarms_open = Gauge("vedette_alarms_open", "Alarms that are not normal.", registry=r)
        self.notices = Counter(
            "vedette_notices", "Notices sent to people.", ["channel", "outcome"], registry=r
        )
        self.gateways_online = Gauge("vedette_gateways_online", "Gateways online.", registry=r)
        self.stream_clients = Gauge(
            "vedette_stream_clients", "Screens on the live stream.", registry=r
        )

    def judged(self, outcome: Outcome) -> None:
        """Count what one outcome of the live fold says."""
        verdict = outcome.verdict
        if verdict is not None:
            self.batch_size.observe(len(verdict.kept))
            self.readings_accepted.inc(int(np.count_nonzero(verdict.kept)))
            if (odd := verdict.reason[verdict.reason != 0]).size:
                self.readings_late.inc(int(np.count_nonzero(odd & Reason.LATE)))
                self.readings_duplicate.inc(int(np.count_nonzero(odd & Reason.DUPLICATE)))
                self.readings_rejected.labels("future").inc(
                    int(np.count_nonzero(odd & Reason.FUTURE))
                )
        for transition in outcome.transitions:
            if transition.what == "alarm" and transition.event == "raise":
                alarm = next(a for a in outcome.alarms if a.id == transition.alarm)
                self.alarms_raised.labels(alarm.kind, transition.level or "none").inc()
