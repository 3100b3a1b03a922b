"""What `vedette simulate` says of gateways that cannot get in: once, with their number."""

from __future__ import annotations

import asyncio

import pytest
import typer

from service.commands import lonely
from service.commands.lonely import watched
from simulators.broker import Broker
from simulators.gateway import Traffic

BROKER = Broker("192.0.2.1")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lonely, "LOOK_EVERY_S", 0.01)


async def looks() -> None:
    """Several: of the event loop's timers the earlier one is always served first."""
    await asyncio.sleep(0.05)


def test_gateways_that_are_locked_out_are_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    traffic = Traffic(connects=100)

    async def play() -> None:
        await looks()
        assert capsys.readouterr().err == ""
        traffic.locked_out.update({"gw-007", "gw-003"})
        await looks()
        traffic.refused += 5
        await looks()
        [line] = capsys.readouterr().err.splitlines()
        assert "192.0.2.1" in line
        assert "2 gateways (gw-003, gw-007)" in line
        traffic.locked_out.clear()
        await looks()
        [line] = capsys.readouterr().err.splitlines()
        assert "in again" in line

    asyncio.run(watched(play(), traffic, BROKER))
    assert capsys.readouterr().err == ""


def test_of_many_that_are_locked_out_only_some_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    traffic = Traffic(connects=100, locked_out={f"gw-{n:03}" for n in range(50)})
    asyncio.run(watched(looks(), traffic, BROKER))
    [line] = capsys.readouterr().err.splitlines()
    assert "50 gateways (gw-000, gw-001, gw-002, ...)" in line


def test_where_none_gets_in_that_is_said_and_is_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    traffic = Traffic(refused=3, locked_out={"gw-001", "gw-002"})
    with pytest.raises(typer.Exit):
        asyncio.run(watched(looks(), traffic, BROKER))
    first, last = capsys.readouterr().err.splitlines()
    assert "lets no gateway in" in first
    assert "trying on" in first
    assert "lets no gateway in" in last
