"""What ingest counts, for /metrics: read when somebody asks, kept nowhere twice."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ingest import Ingest


class IngestCounts(Collector):
    """Counters of what is out of the ordinary between broker and journal.

    What is ordinary (messages, readings, rejections) is counted in `service.metrics`.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    def collect(self) -> Iterator[CounterMetricFamily]:
        for name, what, count in self._counts():
            yield CounterMetricFamily(f"vedette_{name}", what, value=count)

    def _counts(self) -> Iterator[tuple[str, str, int]]:
        figures, session = self._ingest.figures, self._ingest.session
        yield "messages_repeated", "Copies without times of their own, dropped.", figures.repeated
        yield (
            "messages_retained",
            "Copies of telemetry that the broker had kept (RETAIN), dropped.",
            figures.retained,
        )
        yield (
            "messages_foreign",
            "Messages on topics not of the contract, dropped.",
            figures.foreign,
        )
        yield (
            "messages_failed",
            "Messages set aside because a fault of the service kept it from taking them.",
            figures.failed,
        )
        yield (
            "messages_skipped",
            "Messages left unread for want of memory; the broker sends them again.",
            session.skipped if session else 0,
        )
        yield (
            "publishes_forbidden",
            "Publishes outside a gateway's own topics, as the broker reported them.",
            figures.violations,
        )
        yield (
            "publishes_unsent",
            "Answers, receipts and probes the broker could not take when they were due.",
            session.unsent if session else 0,
        )
        yield (
            "answers_dropped",
            "Rejections never sent: too many waited for the broker to take them.",
            self._ingest.answers_dropped,
        )
        yield (
            "ordering_given_up",
            "Times messages went on out of order, because too many waited for those before them.",
            self._ingest.ordering_given_up,
        )
