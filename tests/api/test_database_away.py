"""With the database away: what memory has is served, the rest says clearly what it needs."""

from __future__ import annotations

from service.feed import SUBSCRIBER_BOUND
from tests.api.small_house import GATEWAY_PASSWORD, House
from tests.api.visits import Visit
from tests.service.test_feed import event


async def rise_and_fall(house: House) -> None:
    """An alarm that has been raised and whose cause is gone."""
    await rise(house)
    await fall(house)


async def rise(house: House) -> None:
    await house.reading("gw-a", 30.0, age_s=250)
    await house.reading("gw-a", 30.0, age_s=235)


async def fall(house: House) -> None:
    await house.reading("gw-a", 1.0, age_s=230)
    await house.reading("gw-a", 1.0, age_s=100)


def test_who_comes_too_late_to_act_learns_how_the_alarm_ended(
    visit_without_database: Visit,
) -> None:
    async def act(house: House) -> None:
        await rise_and_fall(house)
        async with house.signed_in("olga") as olga, house.signed_in("alice") as alice:
            [alarm] = (await olga.get("alarms", params={"state": "open"})).json()["items"]
            assert alarm["state"] == "returned_unacknowledged"
            path = f"alarms/{alarm['id']}"
            first = await olga.post(f"{path}/acknowledge", json={})
            assert first.json()["state"] == "normal"
            late = await olga.post(f"{path}/acknowledge", json={})
            assert late.status_code == 409
            won = late.json()["alarm"]
            assert (won["state"], won["acknowledged_by"]) == ("normal", "olga")
            assert won["cleared_at"] is not None
            assert (await olga.get(path)).json()["state"] == "normal"
            assert (await alice.post(f"{path}/comment", json={"note": "?"})).status_code == 409

    visit_without_database(act)


def test_an_alarm_just_closed_elsewhere_does_not_exist_here(
    visit_without_database: Visit,
) -> None:
    async def act(house: House) -> None:
        await rise_and_fall(house)
        async with house.signed_in("olga") as olga, house.signed_in("bob") as bob:
            [alarm] = (await olga.get("alarms", params={"state": "open"})).json()["items"]
            await olga.post(f"alarms/{alarm['id']}/acknowledge", json={})
            assert (await bob.get(f"alarms/{alarm['id']}")).status_code == 404
            late = await bob.post(f"alarms/{alarm['id']}/acknowledge", json={})
            assert late.status_code == 404

    visit_without_database(act)


def test_a_database_that_lags_does_not_reopen_what_the_fold_has_closed(visit: Visit) -> None:
    async def act(house: House) -> None:
        await rise(house)
        house.storing = False
        await fall(house)
        async with house.signed_in("olga") as olga:
            [alarm] = (await olga.get("alarms", params={"state": "open"})).json()["items"]
            await olga.post(f"alarms/{alarm['id']}/acknowledge", json={})
            house.feed.publish([event(1)] * (SUBSCRIBER_BOUND + 1))  # nobody could follow these
            path = f"alarms/{alarm['id']}"
            late = await olga.post(f"{path}/acknowledge", json={})
            assert (late.status_code, late.json()["alarm"]["state"]) == (409, "normal")
            [listed] = (await olga.get("alarms")).json()["items"]
            assert (listed["id"], listed["state"]) == (alarm["id"], "normal")

    visit(act)


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
