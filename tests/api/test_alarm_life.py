"""An alarm from its reading to its end, as the surface shows it."""

from __future__ import annotations

from tests.api.small_house import House
from tests.api.visits import Visit


def test_an_alarm_is_listed_explained_acknowledged_and_has_a_timeline(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 61.5)
        async with house.signed_in("olga") as olga:
            [alarm] = (await olga.get("alarms", params={"state": "unacknowledged"})).json()["items"]
            assert alarm["level"] == "HH"
            assert alarm["priority"] == 2
            assert alarm["sensor"]["tag"] == "lel"
            assert alarm["enterprise"] == {"id": "alpha", "name": "甲化工"}
            assert "61.5" in alarm["explanation"]["zh-CN"]
            assert "61.5" in alarm["explanation"]["en"]
            assert alarm["stored"] is True

            path = f"alarms/{alarm['id']}"
            body = {"note": "on my way", "seen": "unacknowledged"}
            answer = await olga.post(f"{path}/acknowledge", json=body)
            assert answer.status_code == 200
            assert answer.json()["state"] == "acknowledged"
            assert answer.json()["acknowledged_by"] == "olga"
            second = await olga.post(f"{path}/acknowledge", json=body)
            assert second.status_code == 409
            assert second.headers["content-type"] == "application/problem+json"
            assert second.json()["alarm"]["state"] == "acknowledged"

            items = (await olga.get(f"{path}/timeline")).json()["items"]
            assert [item["event"] for item in items if item["event"] != "HH"][:1] == ["raise"]
            assert items[-1]["event"] == "acknowledge"
            assert items[-1]["actor"] == "olga"
            assert "on my way" in items[-1]["text"]["en"]
            assert (await olga.get("alarms", params={"state": "unacknowledged"})).json() == {
                "items": [],
                "next": None,
            }

    visit(act)


def test_an_acknowledgement_of_h_is_refused_once_it_is_hh(visit: Visit) -> None:
    async def act(house: House) -> None:
        for age in (12, 2):  # H has an on-delay of 10 s
            await house.reading("gw-a", 30.0, age_s=age)
        async with house.signed_in("olga") as olga:
            [alarm] = (await olga.get("alarms")).json()["items"]
            assert alarm["level"] == "H"
            await house.reading("gw-a", 61.5)
            path = f"alarms/{alarm['id']}/acknowledge"
            on_screen = {"seen": alarm["state"], "seen_level": alarm["level"]}
            late = await olga.post(path, json=on_screen)
            assert late.status_code == 409
            assert late.json()["alarm"]["level"] == "HH"
            assert late.json()["alarm"]["state"] == "unacknowledged"
            nonsense = await olga.post(path, json={**on_screen, "seen_level": "HHH"})
            assert nonsense.status_code == 422
            known = await olga.post(path, json={**on_screen, "seen_level": "HH"})
            assert known.status_code == 200

    visit(act)


def test_shelving_wants_a_reason_and_a_viewer_may_not_act(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 61.5)
        async with house.signed_in("olga") as olga, house.signed_in("vera") as vera:
            [alarm] = (await olga.get("alarms")).json()["items"]
            path = f"alarms/{alarm['id']}"
            unexplained = await olga.post(f"{path}/shelve", json={"minutes": 30})
            assert unexplained.status_code == 422
            assert unexplained.json()["errors"][0]["path"] == "reason"
            too_long = await olga.post(f"{path}/shelve", json={"minutes": 481, "reason": "x"})
            assert too_long.status_code == 422
            assert (await vera.post(f"{path}/acknowledge")).status_code == 403
            body = {"minutes": 30, "reason": "calibration"}
            shelved = await olga.post(f"{path}/shelve", json=body)
            assert shelved.json()["state"] == "shelved"
            assert shelved.json()["shelve_reason"] == "calibration"
            back = await olga.post(f"{path}/unshelve")
            assert back.json()["state"] == "unacknowledged"

    visit(act)


def test_lists_page_through_everything_once_newest_first(visit: Visit) -> None:
    async def act(house: House) -> None:
        await house.reading("gw-a", 61.5, age_s=2)
        await house.reading("gw-b", 62.5, age_s=1)
        async with house.signed_in("olga") as olga:
            for state in ({}, {"state": "open"}):
                first = (await olga.get("alarms", params={"limit": 1, **state})).json()
                following = {"limit": 1, "cursor": first["next"], **state}
                second = (await olga.get("alarms", params=following)).json()
                gateways = [page["items"][0]["gateway"]["id"] for page in (first, second)]
                assert gateways == ["gw-b", "gw-a"]
                assert second["next"] is None
            bad = await olga.get("alarms", params={"cursor": "abc"})
            assert bad.status_code == 400

    visit(act)
