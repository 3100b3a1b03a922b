"""What a screen does not know it does not call calm; what is measured in seconds is not called gas."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.web.conftest import Open, Plant
from tests.web.test_desk import only, row_of

Alarms = list[dict[str, Any]]


def amend(page: Page, change: Callable[[Alarms], Alarms]) -> None:
    """Let the list of open alarms arrive changed; there is no waiting five minutes for silence."""

    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["items"] = change(body["items"])
        route.fulfill(json=body)

    page.route("**/api/v1/alarms?*state=open*", answer)


def test_silence_is_told_in_minutes_and_never_as_a_concentration(
    screen: Open, plant: Plant
) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 63.0)
    alarm = plant.alarm_of(sensor)
    silent = {"kind": "stale", "family": "stale", "level": None, "highest_level": None}
    seconds = {"value": 300.0, "limit": 300.0, "unit": "s", "priority": 4}

    def change(items: Alarms) -> Alarms:
        return [
            {**each, **silent, **seconds} if each["id"] == alarm["id"] else each for each in items
        ]

    opened = screen()
    amend(opened.page, change)
    page = opened.open("/alarms")
    only(page, tag)
    row = row_of(page, alarm["id"])
    expect(row).to_contain_text("▨ 无数据 5 分钟")
    expect(row).not_to_contain_text("%LEL")
    row.click()
    panel = page.get_by_role("complementary", name="报警详情")
    expect(panel.get_by_role("heading", level=1)).to_contain_text("▨ 无数据 5 分钟")
    expect(panel.locator("dl")).to_contain_text("5 分钟")
    expect(panel.locator("dl")).not_to_contain_text("%LEL")


def test_a_list_that_has_not_come_is_not_an_empty_list(screen: Open, plant: Plant) -> None:
    opened = screen(width=1920, height=1080)
    page = opened.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/alarms?*state=open*", hold)
    opened.open("/wall")
    expect(page.get_by_role("heading", level=2, name="未结束报警 —")).to_be_visible()
    expect(page.get_by_text("没有需要处置的报警")).to_have_count(0)
    expect(page.locator(".legend")).to_contain_text("红 —")
    expect(page.locator(".plan circle.maybe").first).to_be_attached()
    expect(page.locator(".plan circle.ok")).to_have_count(0)
    for route in held:
        route.continue_()
    page.unroute("**/api/v1/alarms?*state=open*")
    expect(page.locator(".plan circle.ok").first).to_be_attached()
    expect(page.locator(".plan circle.maybe")).to_have_count(0)


def test_nothing_abnormal_lies_below_the_fold_of_the_wall(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 60.0)
    alarm = plant.alarm_of(sensor)
    sites = [
        {"id": each["id"], "name": each["name"]}
        for each in plant.get("/api/v1/sites", limit="500")["items"]
    ]

    def everywhere(items: Alarms) -> Alarms:
        return [
            {**alarm, "id": f"1.{n}", "updated": f"1.{n}", "site": site, "priority": 1 + n % 4}
            for n, site in enumerate(sites)
        ]

    few, all_of_them = screen(), screen()
    amend(all_of_them.page, everywhere)
    for opened in (few, all_of_them):
        page = opened.open("/wall")
        expect(page.locator(".tile").first).to_be_visible()
        for height in (768, 520, 420):
            page.set_viewport_size({"width": 1366, "height": height})
            page.wait_for_timeout(300)
            tall, room = page.locator(".groups").evaluate("e => [e.scrollHeight, e.clientHeight]")
            assert tall <= room, f"{tall} px in {room} px at {height}"
    expect(all_of_them.page.locator(".tile")).to_have_count(len(sites))


def test_what_keeps_the_service_from_working_is_on_every_screen(screen: Open) -> None:
    opened = screen()
    frame = {
        "now": "2026-11-25T06:00:00Z",
        "store": {"available": True, "lag_s": 0.0},
        "broker": {
            "connected": True,
            "listening": False,
            "fault_texts": [{"zh-CN": "消息被扣住", "en": "messages are held"}],
        },
        "journal": {
            "lag_readings": 0,
            "free_mib": 0,
            "astray": True,
            "fault_text": {"zh-CN": "磁盘已满", "en": "no space left"},
        },
        "turning": False,
        "readings_per_s": 0.0,
        "gateways_online": 0,
        "version": "test",
    }
    body = f"event: health\ndata: {json.dumps(frame)}\n\n"
    opened.page.route(
        "**/api/v1/stream*",
        lambda route: route.fulfill(body=body, content_type="text/event-stream"),
    )
    page = opened.open("/alarms")
    for text in ("磁盘已满", "被移走或删除", "消息被扣住", "没有数据在被判断"):
        expect(page.get_by_role("alert").filter(has_text=text)).to_be_visible()
    expect(page.get_by_text("no space left")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="积压")).to_be_visible()


def test_an_act_is_called_unstored_only_until_the_database_has_it(
    screen: Open, plant: Plant
) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 63.0)
    alarm = plant.alarm_of(sensor)
    page = screen().open(f"/alarms/{alarm['id'].replace('.', '-')}")
    panel = page.get_by_role("complementary", name="报警详情")
    expect(panel).to_contain_text("未响应")
    page.keyboard.press("a")
    expect(panel.get_by_role("button", name="已响应")).to_be_visible()
    expect(panel).not_to_contain_text("尚未入库")


def test_trouble_without_a_place_is_named_beside_the_plan(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 63.0)
    plant.alarm_of(sensor)
    page = screen().open("/wall")
    line = page.locator(".plan").get_by_text("没有坐标，不在图上").locator("..")
    expect(line).to_contain_text("网页测试厂")


def test_names_of_towns_do_not_run_into_each_other_on_the_plan(screen: Open, plant: Plant) -> None:
    opened = screen(height=600)
    owners = {
        each["id"]: each["region"]
        for each in plant.get("/api/v1/enterprises", limit="500")["items"]
    }
    towns: dict[str, int] = {}

    def huddle(route: Route) -> None:
        """Every town in one spot of its own, side by side, closer than their names are wide."""
        body = route.fetch().json()
        for each in body["items"]:
            place = str(owners[each["enterprise"]["id"]])
            nth = towns.setdefault(place, len(towns))
            apart = 0.06 if nth == 0 else 0.001  # one far away gives the plan its scale
            each["latitude"] = 30 + apart * (nth % 4 + 1)
            each["longitude"] = 120 + apart * (nth // 4 + 1)
        route.fulfill(json=body)

    opened.page.route("**/api/v1/sites?*", huddle)
    page = opened.open("/wall")
    expect(page.locator(".town-name").first).to_be_visible()
    boxes = page.locator(".town-name").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect())"
    )
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a["right"] <= b["left"] or b["right"] <= a["left"]
            assert apart or a["bottom"] <= b["top"] or b["bottom"] <= a["top"], f"{a} {b}"


def test_a_link_into_many_alarms_brings_its_row_into_sight(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 26.0)
    alarm = plant.alarm_of(sensor)

    def change(items: Alarms) -> Alarms:
        rest = [each for each in items if each["id"] != alarm["id"]]
        many = [{**alarm, "id": f"1.{n}", "updated": f"1.{n}", "priority": 1} for n in range(2000)]
        return [*many, *rest, {**alarm, "priority": 4}]

    opened = screen()
    amend(opened.page, change)
    page = opened.open(f"/alarms/{alarm['id'].replace('.', '-')}")
    expect(row_of(page, alarm["id"])).to_be_in_viewport()


def test_what_was_typed_is_there_again_on_the_way_back(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 28.0)
    alarm = plant.alarm_of(sensor)
    page = screen().open("/alarms")
    only(page, tag)
    page.get_by_role("button", name="黄").click()
    row_of(page, alarm["id"]).click()
    page.get_by_role("link", name="查看测点").click()
    expect(page.locator("main .page")).to_contain_text(tag)
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value(tag)
    expect(page.locator(".chip[aria-pressed=true]")).to_contain_text("黄")
    expect(row_of(page, alarm["id"])).to_be_in_viewport()


def test_the_arrow_points_where_the_value_has_gone_in_two_minutes(
    screen: Open, plant: Plant
) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 57.0)
    opened = screen(width=1920)
    minute = int(time.time()) // 60 * 60_000
    ago = [(minute - n * 60_000, 45.0 + n) for n in range(10, 0, -1)]
    columns = {"resolution": "1m", "ts": [ts for ts, _ in ago], "mean": [mean for _, mean in ago]}
    opened.page.route(
        f"**/api/v1/sensors/{sensor}/readings?*", lambda route: route.fulfill(json=columns)
    )
    page = opened.open("/alarms")
    only(page, tag)
    row = page.locator(".alarm-row")
    for value, arrow in ((20.0, "↘"), (70.0, "↗")):
        plant.say(tag, value)
        expect(row.locator(".arrow")).to_have_text(arrow)


def test_a_closed_alarm_has_room_for_its_date(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 29.0)
    alarm = plant.alarm_of(sensor)
    path = f"/api/v1/alarms/{alarm['id']}/acknowledge"
    assert plant.http.post(path, headers=plant.admin, json={}).status_code == 200
    plant.say(tag, 1.0)
    opened = screen()

    def answer(route: Route) -> None:
        body = route.fetch().json()
        for each in body["items"]:
            each["raised_at"] = "2026-01-02T03:04:05Z"
        route.fulfill(json=body)

    opened.page.route("**/api/v1/alarms?*state=closed*", answer)
    page = opened.open("/alarms?show=closed")
    row = page.locator(".alarm-row").first
    expect(row.locator(".age")).to_contain_text("2026-01-02")
    over = row.locator(".age").evaluate(
        "e => { const text = document.createRange(); text.selectNodeContents(e);"
        " return text.getBoundingClientRect().right - e.nextElementSibling.getBoundingClientRect().left }"
    )
    assert over <= 0, f"the date runs {over} px into the answer"


def test_a_unit_that_is_a_word_is_in_the_readers_language(screen: Open, plant: Plant) -> None:
    spark = {"gateway": plant.gateway, "tag": "web.spark", "measurand": "DC_SPARK"}
    added = plant.http.post("/api/v1/sensors", headers=plant.admin, json=spark)
    assert added.status_code == 201, added.text
    plant.say("web.spark", 1.0)
    page = screen().open(f"/sensors/{added.json()['id']}")
    expect(page.locator(".figure")).to_contain_text("1.00 次/分钟")
    expect(page.locator("main")).not_to_contain_text("count/min")
