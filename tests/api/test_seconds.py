"""What is measured in seconds says so, and a service that judges nothing is not well."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from alerting.alarms import AlarmKind
from api.alarm_views import alarm_view
from tests.api.small_house import House
from tests.api.visits import Visit


@pytest.mark.parametrize(("kind", "unit"), [("limit", "%LEL"), ("stale", "s"), ("mismatch", "s")])
def test_silence_and_clocks_are_measured_in_seconds_not_in_gas(
    visit: Visit, kind: AlarmKind, unit: str
) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 61.5)
        [alarm] = house.open_alarms()
        other = replace(alarm, kind=kind, value=300.0, limit=300.0)
        view = alarm_view(house.registry, other, stored=True)
        assert (view.value, view.limit, view.unit) == (300.0, 300.0, unit)

    visit(act)


def test_a_service_that_judges_nothing_is_down_in_words(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            parts = (await olga.get("health")).json()["parts"]
            assert next(part for part in parts if part["name"] == "judge")["state"] == "ok"
            house.turning = False
            answer = (await olga.get("health")).json()
            [judge] = [part for part in answer["parts"] if part["name"] == "judge"]
            assert answer["state"] == judge["state"] == "down"
            assert "judged" in judge["text"]["en"]

    visit(act)
