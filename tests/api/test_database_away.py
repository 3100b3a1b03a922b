"""With the database away: what memory has is served, the rest says clearly what it needs."""

from __future__ import annotations

from tests.api.small_house import GATEWAY_PASSWORD, House
from tests.api.visits import Visit


def test_sign_in_alarms_acts_registry_and_telemetry_go_on(
    visit_without_database: Visit,
) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("olga") as olga:
            posted = await olga.post(
                "telemetry/gw-a",
                json={"readings": [{"s": "lel", "v": 61.5}, {"s": "nothing", "v": 1}]},
                auth=("gw-a", GATEWAY_PASSWORD),
            )
            assert posted.status_code == 200
            assert [error["path"] for error in posted.json()["rejected"]["errors"]] == [
                "readings[1].s"
            ]
            [alarm] = (await olga.get("alarms", params={"state": "open"})).json()["items"]
            assert alarm["stored"] is False
            answer = await olga.post(f"alarms/{alarm['id']}/acknowledge")
            assert answer.json()["state"] == "acknowledged"
            [sensor] = (await olga.get("sensors", params={"site": "alpha-1"})).json()["items"]
            assert sensor["latest"]["value"] == 61.5
            figures = (await olga.get("stats/overview")).json()
            assert figures["alarms"]["open"] == 1
            assert figures["raised_today"] is None

            for path in ("alarms?state=closed", f"sensors/{sensor['id']}/readings"):
                refused = await olga.get(path, headers={"Accept-Language": "zh-CN"})
                assert refused.status_code == 503
                assert refused.headers["content-type"] == "application/problem+json"
                assert "数据库" in refused.json()["title"]
                assert refused.headers["retry-after"]

    visit_without_database(act)
