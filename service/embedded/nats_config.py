"""The configuration of an embedded nats-server: MQTT only, file-backed, one user a gateway.

NATS maps an MQTT topic level to a subject token, so `vedette/v1/gw1/telemetry` is guarded as
`vedette.v1.gw1.telemetry`. A publish outside a user's permissions is acknowledged and dropped;
only the log tells (https://docs.nats.io/running-a-nats-service/configuration/mqtt).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.topics import PROBE_TOPIC
from service.embedded.broker import DOWN_TOPICS, UP_TOPICS, ServiceLogin

LARGEST_MESSAGE: Final = 2 * 1024 * 1024
"""Bytes; larger than the 256 KiB we accept, so that a larger message can be answered."""
LAUNCHER: Final = "_launcher"
"""User that may administer streams."""
OBSERVER: Final = "_observer"
"""User of the system account, which knows who is behind a connection."""
USERS_FILE: Final = "users.conf"


def server_configuration(
    *,
    host: str,
    port: int,
    store: Path,
    queue_bytes: int,
    ack_wait_s: float,
    max_ack_pending: int,
    sync: str,
    observer_hash: str,
) -> str:
    """The main file; users come from `USERS_FILE` beside it.

    Args:
        host: Address MQTT listens on.
        port: Port MQTT listens on.
        store: Directory of sessions and queues.
        queue_bytes: Bound of all queued messages together; a full queue disconnects publishers
            without acknowledging, which loses nothing.
        ack_wait_s: After this an unacknowledged message is sent again.
        max_ack_pending: Messages sent and not yet acknowledged, per subscription.
        sync: How often files are synced: "always", or an interval such as "1s".
        observer_hash: bcrypt hash of the system account's password.
    """
    settings: dict[str, Any] = {
        "server_name": "vedette",
        # For the launcher's own administration; on loopback whatever MQTT listens on.
        "host": "127.0.0.1",
        "port": -1,
        "max_payload": LARGEST_MESSAGE,
        "max_pending": 64 * 1024 * 1024,
        "max_connections": 100_000,
        "jetstream": {
            "store_dir": str(store),
            # Reaching this would block every login, so the queue's own bound lies well below.
            "max_file_store": 2 * queue_bytes + 512 * 1024 * 1024,
            "max_memory_store": 64 * 1024 * 1024,
            "sync_interval": sync,
        },
        "mqtt": {
            "host": host,
            "port": port,
            "ack_wait": f"{ack_wait_s:g}s",
            "max_ack_pending": max_ack_pending,
        },
        "system_account": "SYS",
        "accounts": {"SYS": {"users": [{"user": OBSERVER, "password": observer_hash}]}},
    }
    lines = [f"{key}: {msgspec.json.encode(value).decode()}" for key, value in settings.items()]
    return "\n".join([*lines, f'include "./{USERS_FILE}"', ""])


def users_configuration(
    gateways: Mapping[str, str], service: ServiceLogin, service_hash: str, launcher_hash: str
) -> str:
    """The file of users: gateways (id to bcrypt hash), the service, the launcher itself."""
    users: list[dict[str, Any]] = [
        _user(
            LAUNCHER, launcher_hash, publish=["$JS.API.>"], subscribe=["_INBOX.>"], kind="STANDARD"
        ),
        _user(
            service.username,
            service_hash,
            publish=[*_subjects("*", DOWN_TOPICS), PROBE_TOPIC.replace("/", ".")],
            subscribe=_subjects("*", UP_TOPICS),
        ),
    ]
    users += (
        _user(
            gateway,
            hashed,
            publish=_subjects(gateway, UP_TOPICS),
            subscribe=_subjects(gateway, DOWN_TOPICS),
        )
        for gateway, hashed in sorted(gateways.items())
    )
    # One user a line: a person can read it, and the parser's messages point at one.
    rows = ",\n".join(msgspec.json.encode(user).decode() for user in users)
    return f"authorization: {{users: [\n{rows}\n]}}\n"


def _subjects(gateway: str, topics: tuple[str, ...]) -> list[str]:
    return [f"vedette.v1.{gateway}.{topic.replace('/', '.')}" for topic in topics]


def _user(
    name: str, hashed: str, *, publish: list[str], subscribe: list[str], kind: str = "MQTT"
) -> dict[str, Any]:
    return {
        "user": name,
        "password": hashed,
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}},
        "allowed_connection_types": [kind],
    }
