"""A broker's URL as the service takes it apart and puts it together again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.mqtt import MqttSession
from service.brokers import BrokerAccess, WrongBrokerUrl, foreign_broker


def access(url: str, ca_file: Path | None = None) -> BrokerAccess:
    return foreign_broker(url, client_id="us", redelivery_s=0.0, ca_file=ca_file)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("mqtt://broker.example.org", "mqtt://broker.example.org:1883"),
        ("mqtts://broker.example.org", "mqtts://broker.example.org:8883"),
        ("mqtt://127.0.0.1:1884", "mqtt://127.0.0.1:1884"),
        ("mqtt://[::1]:1883", "mqtt://[::1]:1883"),
        ("mqtt://li:p%40ss@[2001:db8::1]", "mqtt://[2001:db8::1]:1883"),
    ],
)
def test_what_is_kept_of_a_url_can_be_connected_to(given: str, kept: str) -> None:
    broker = access(given)
    assert broker.url == kept
    MqttSession(broker.url, client_id="us", filters=(), take=lambda _connection, _group: None)


def test_user_and_password_are_decoded_and_kept_apart() -> None:
    broker = access("mqtt://li:p%40ss@host")
    assert (broker.username, broker.password) == ("li", "p@ss")


@pytest.mark.parametrize(
    "url", ["host", "http://host", "mqtt://", "mqtt://h:port", "mqtt://[::1", "mqtt://a..b"]
)
def test_what_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(WrongBrokerUrl, match="must be mqtt://"):
        access(url)


def test_authorities_that_cannot_be_read_are_named_before_anything_starts(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.touch()
    for file in (missing, empty):
        with pytest.raises(WrongBrokerUrl, match=f"mqtt_ca_file: {file}"):
            access("mqtts://host", file)
