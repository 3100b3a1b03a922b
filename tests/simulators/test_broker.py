"""Reading a broker's URL."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from simulators.broker import Broker, Login, login_in

OURS = Path(__file__).parents[1] / "ingest" / "certificates" / "ca.pem"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.example.org", ("broker.example.org", 1883)),
        ("mqtt://li:secret@127.0.0.1:1884", ("127.0.0.1", 1884)),
        ("mqtt://[::1]:1885", ("::1", 1885)),
        ("mqtts://[::1]", ("::1", 8883)),
    ],
)
def test_host_and_port_are_read(url: str, address: tuple[str, int]) -> None:
    broker = Broker.from_url(url)
    assert (broker.host, broker.port) == address
    assert (broker.tls is not None) == url.startswith("mqtts")


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://host", "mqtt://", "mqtt://host:port", "mqtt://[::1", "mqtt://h:1e9"],
)
def test_what_is_no_broker_is_told_as_such(url: str) -> None:
    with pytest.raises(ValueError, match="not a broker's URL; write mqtt://"):
        Broker.from_url(url)


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ValueError, match="host:port") as told:
        Broker.from_url("mqtt://li:hush@host:port")
    assert "hush" not in str(told.value)


def test_a_user_in_the_url_is_a_login_for_all() -> None:
    assert login_in("mqtt://host") is None
    assert login_in("mqtt://li:p%40ss@host") == Login("li", "p@ss")
    assert login_in("mqtt://li@host") == Login("li", "")


def test_tls_trusts_the_authorities_it_is_given_and_no_others() -> None:
    broker = Broker.from_url("mqtts://host", ca_file=OURS)
    assert broker.tls is not None
    assert broker.tls.verify_mode is ssl.CERT_REQUIRED
    assert len(broker.tls.get_ca_certs()) == 1
    with pytest.raises(OSError, match="No such file"):
        Broker.from_url("mqtts://host", ca_file=OURS.with_name("nothing.pem"))
