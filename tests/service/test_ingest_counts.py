"""What ingest counts can be scraped, under the names and in the form of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from domain.sequence import SequenceTracker
from ingest import Ingest
from service.ingest_counts import IngestCounts


def scraped(ingest: Ingest) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(IngestCounts(ingest))
    lines = generate_latest(registry).decode().splitlines()
    rows = (line.split(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def new_ingest() -> Ingest:
    async def keep(batch: object) -> None:
        del batch

    return Ingest(
        sink=keep,
        tags=lambda _: None,
        clock=lambda: 0,
        sequences=SequenceTracker(),
        quarantine=lambda _: None,
    )


def test_without_a_broker_every_count_is_there_and_zero() -> None:
    found = scraped(new_ingest())
    assert len(found) == 9
    assert set(found.values()) == {0.0}
    assert all(name.startswith("vedette_") and name.endswith("_total") for name in found)


def test_counts_are_those_of_the_moment_of_the_scrape() -> None:
    ingest = new_ingest()
    session = ingest.connect_to("mqtt://broker.example", client_id="us")
    ingest.figures.retained, ingest.figures.failed, session.skipped = 2, 3, 4
    session.publish("t", b"nobody hears")
    ingest.violation("gw1", "elsewhere")  # its answer waits: there is no connection
    found = scraped(ingest)
    assert found["vedette_messages_retained_total"] == 2
    assert found["vedette_messages_failed_total"] == 3
    assert found["vedette_messages_skipped_total"] == 4
    assert found["vedette_publishes_forbidden_total"] == 1
    assert found["vedette_publishes_unsent_total"] == 2
    assert found["vedette_answers_dropped_total"] == 0
