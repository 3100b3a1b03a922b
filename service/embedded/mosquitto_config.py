"""The configuration of an embedded mosquitto: `deploy/mosquitto.conf`, for a directory of ours.

A test compares the two, so that what is measured and tested here is what is shipped there.
"""

from __future__ import annotations

from pathlib import Path

from ingest.topics import PROBE_TOPIC
from service.embedded.broker import DOWN_TOPICS, UP_TOPICS, ServiceLogin


def server_configuration(
    *,
    host: str,
    port: int,
    passwords: Path,
    access: Path,
    store: Path,
    save_every_change: bool = False,
) -> str:
    """The main file; docs/brokers.md says why each line is there, and what saving costs."""
    on_changes, interval = ("true", 1) if save_every_change else ("false", 5)
    return f"""\
allow_anonymous false
password_file {passwords}
acl_file {access}
listener {port} {host}
use_username_as_clientid true
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 5000
persistence true
persistence_location {store}/
autosave_on_changes {on_changes}
autosave_interval {interval}
max_packet_size 2097152
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
"""


def access_rules(service: ServiceLogin) -> str:
    """Who may publish and subscribe where; gateways by pattern, so that none must be listed."""
    lines = [
        f"user {service.username}",
        *(f"topic read vedette/v1/+/{topic}" for topic in UP_TOPICS),
        *(f"topic write vedette/v1/+/{topic}" for topic in DOWN_TOPICS),
        f"topic readwrite {PROBE_TOPIC}",
        *(f"pattern write vedette/v1/%u/{topic}" for topic in UP_TOPICS),
        *(f"pattern read vedette/v1/%u/{topic}" for topic in DOWN_TOPICS),
    ]
    return "\n".join([*lines, ""])
