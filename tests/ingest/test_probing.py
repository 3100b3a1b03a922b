"""Silence is the gateways' own only while our probes come back."""

from __future__ import annotations

from ingest.probing import Probing


def probing(redelivery_s: float = 0.0) -> Probing:
    probes = Probing(redelivery_s=redelivery_s, caught_up_s=5.0)
    probes.connected(100.0)
    return probes


def test_we_do_not_listen_before_a_probe_is_back() -> None:
    probes = probing()
    assert not probes.is_listening(100.5)
    probes.settled(101.0)
    assert probes.is_listening(101.2)


def test_we_stop_listening_when_probes_stay_away() -> None:
    probes = probing()
    probes.settled(101.0)
    assert probes.is_listening(106.0)
    assert not probes.is_listening(106.1)


def test_after_a_reconnect_only_a_new_probe_counts() -> None:
    probes = probing()
    probes.settled(101.0)
    probes.connected(102.0)
    assert not probes.is_listening(102.1)
    probes.settled(103.0)
    assert probes.is_listening(103.1)


def test_a_broker_that_redelivers_late_has_caught_up_late() -> None:
    probes = probing(redelivery_s=5.0)
    probes.settled(104.0)
    assert not probes.is_listening(104.1)
    probes.settled(105.0)
    assert probes.is_listening(105.1)


def test_a_probe_of_another_process_means_nothing() -> None:
    ours, theirs = probing(), probing()
    assert ours.sent_at(theirs.payload(100.0)) is None
    assert ours.sent_at(ours.payload(100.25)) == 100.25
    assert ours.sent_at(b"") is None


def test_probes_that_never_come_back_are_missed_after_a_while() -> None:
    probes = probing()
    assert not probes.is_lost(129.0)
    assert probes.is_lost(131.0)
    probes.settled(130.0)
    assert not probes.is_lost(131.0)
