"""A session that could never be is refused when it is described, not when it runs."""

from __future__ import annotations

import pytest

from ingest.mqtt import MqttSession


@pytest.mark.parametrize(
    "url",
    ["host", "http://host", "mqtt://", "mqtt://a..b", f"mqtt://{'x' * 70}.example"],
)
def test_what_is_no_broker_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no broker"):
        MqttSession(url, client_id="us", filters=(), take=lambda _connection, _group: None)
