"""From the broker (or HTTP) to the journal: messages in, durable batches out, answers back.

`Ingest` is the whole of it. What it takes in is acknowledged only after its sink has made it
durable; memory is bounded whatever the broker sends.
"""

from ingest.alone import LayerAlone
from ingest.batching import BatchFigures
from ingest.gateways import GatewayTags, GatewayView
from ingest.intake import IngestFigures
from ingest.pipeline import Ingest, Timing
from ingest.posting import Posted
from ingest.quarantine import Quarantined

__all__ = [
    "BatchFigures",
    "GatewayTags",
    "GatewayView",
    "Ingest",
    "IngestFigures",
    "LayerAlone",
    "Posted",
    "Quarantined",
    "Timing",
]
