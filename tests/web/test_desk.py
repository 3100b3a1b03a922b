"""From a reading over its limit to an answered alarm, with the hands on the keyboard."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, Route, expect

from tests.web.conftest import Open, Plant, blocked_desk


def row_of(page: Page, alarm: str) -> Locator:
    return page.locator(f'[id="row-{alarm}"]')


def only(page: Page, text: str) -> None:
    expect(page.get_by_role("grid")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_reading_over_its_limit_is_on_the_desk_within_a_second(
    screen: Open, plant: Plant
) -> None:
    _, tag = plant.sensor()
    page = screen().open("/alarms")
    expect(page.get_by_role("grid")).to_be_visible()
    only(page, tag)
    expect(page.get_by_role("grid").get_by_text("没有符合筛选的报警")).to_be_visible()
    began = time.monotonic()
    assert plant.say(tag, 63.0).status_code in (200, 202)
    row = page.locator(".alarm-row")
    row.wait_for(timeout=5_000)
    took = time.monotonic() - began
    expect(row).to_contain_text("橙")
    expect(row).to_contain_text("未响应")
    assert took < 1.0, f"{took:.3f} s"


def test_acknowledging_by_key_is_seen_by_every_screen(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 30.0)
    alarm = plant.alarm_of(sensor)
    mine, others = screen().open("/alarms"), screen(locale="en").open("/alarms")
    for page in (mine, others):
        only(page, tag)
        expect(row_of(page, alarm["id"])).to_be_visible()
    mine.keyboard.press("j")
    mine.keyboard.press("a")
    for page in (mine, others):
        expect(row_of(page, alarm["id"])).to_contain_text("admin")
    assert plant.alarm_of(sensor)["state"] == "acknowledged"


def test_the_panel_explains_and_tells_what_happened(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 27.3)
    alarm = plant.alarm_of(sensor)
    page = screen().open(f"/alarms/{alarm['id'].replace('.', '-')}")
    panel = page.get_by_role("complementary", name="报警详情")
    expect(panel).to_contain_text(alarm["explanation"]["zh-CN"])
    expect(panel.get_by_role("img", name="趋势图")).to_be_visible()
    panel.get_by_role("button", name="备注").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("已电话通知企业")
    page.get_by_role("dialog").get_by_role("button", name="备注").click()
    expect(panel.get_by_role("listitem").filter(has_text="已电话通知企业")).to_be_visible()


def test_shelving_asks_for_a_reason_and_says_until_when(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 31.0)
    alarm = plant.alarm_of(sensor)
    page = screen().open(f"/alarms/{alarm['id'].replace('.', '-')}")
    expect(page.get_by_role("complementary")).to_contain_text("未响应")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="搁置").click()
    expect(dialog.get_by_role("alert")).to_have_text("请填写原因")
    dialog.get_by_role("textbox").fill("检修动火作业")
    dialog.get_by_role("button", name="搁置").click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("搁置至")
    expect(panel).to_contain_text("检修动火作业")
    panel.get_by_role("button", name="取消搁置").click()
    expect(panel).not_to_contain_text("搁置至")


def test_a_new_alarm_does_not_move_the_row_under_the_hand(screen: Open, plant: Plant) -> None:
    first, first_tag = plant.sensor()
    _, second_tag = plant.sensor()
    plant.say(first_tag, 33.0)
    alarm = plant.alarm_of(first)
    page = screen().open("/alarms")
    only(page, "web-gw")
    row = row_of(page, alarm["id"])
    expect(row).to_be_visible()
    row.click()
    before = row.bounding_box()
    plant.say(second_tag, 70.0)
    page.get_by_role("button", name="新到 1 条").wait_for()
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert before["y"] == after["y"]
    page.keyboard.press("n")
    expect(page.get_by_role("button", name="新到 1 条")).to_have_count(0)


def test_a_new_alarm_does_not_move_the_row_under_a_resting_pointer(
    screen: Open, plant: Plant
) -> None:
    first, first_tag = plant.sensor()
    _, second_tag = plant.sensor()
    plant.say(first_tag, 33.0)
    alarm = plant.alarm_of(first)
    page = screen().open("/alarms")
    only(page, "web-gw")
    row = row_of(page, alarm["id"])
    expect(row).to_be_visible()
    row.hover()
    before = row.bounding_box()
    plant.say(second_tag, 70.0)
    page.get_by_role("button", name="新到 1 条").wait_for()
    assert row.bounding_box() == before


def test_the_first_click_after_a_reload_hits_what_it_was_meant_for(
    screen: Open, plant: Plant
) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 34.0)
    alarm = plant.alarm_of(sensor)
    page = blocked_desk(screen)
    banner = page.get_by_text("浏览器禁止了声音")
    row = row_of(page, alarm["id"])
    row.scroll_into_view_if_needed()
    box = row.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 8)
    page.mouse.down()
    page.wait_for_timeout(400)
    page.mouse.up()
    expect(row).to_have_attribute("aria-selected", "true")
    expect(banner).to_have_count(0)


def test_what_is_shelved_is_not_said_to_be_answered(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 35.0)
    alarm = plant.alarm_of(sensor)
    path = f"/api/v1/alarms/{alarm['id']}/shelve"
    body = {"minutes": 15, "reason": "检修"}
    assert plant.http.post(path, headers=plant.admin, json=body).status_code == 200
    page = screen().open(f"/alarms/{alarm['id'].replace('.', '-')}")
    panel = page.get_by_role("complementary", name="报警详情")
    expect(panel.get_by_role("button", name="取消搁置")).to_be_visible()
    expect(panel.get_by_role("button", name="已响应")).to_have_count(0)
    expect(panel.get_by_role("button", name="响应", exact=True)).to_be_disabled()


def test_a_dialog_follows_the_alarm_and_keeps_what_was_typed(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 36.0)
    alarm = plant.alarm_of(sensor)
    page = screen().open(f"/alarms/{alarm['id'].replace('.', '-')}")
    panel = page.get_by_role("complementary", name="报警详情")
    expect(panel).to_contain_text("未响应")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("检修动火作业")
    plant.say(tag, 72.0)
    expect(dialog.get_by_role("alert")).to_contain_text("高高限")
    page.wait_for_timeout(1_100)
    dialog.get_by_role("button", name="搁置").click()
    expect(panel).to_contain_text("搁置至")
    expect(panel).to_contain_text("检修动火作业")


def test_an_act_whose_answer_is_lost_is_looked_up_and_not_called_undone(
    screen: Open, plant: Plant
) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 37.0)
    alarm = plant.alarm_of(sensor)
    opened = screen()
    page = opened.open(f"/alarms/{alarm['id'].replace('.', '-')}")
    expect(page.get_by_role("complementary")).to_contain_text("未响应")

    def lose(route: Route) -> None:
        assert route.fetch().ok
        route.abort()

    page.route("**/acknowledge", lose)
    page.keyboard.press("a")
    expect(page.get_by_text("没有收到答复")).to_be_visible()
    expect(page.get_by_text("该报警现为“已响应”")).to_be_visible()
    expect(page.get_by_text("未执行")).to_have_count(0)
    opened.complaints[:] = [said for said in opened.complaints if "ERR_FAILED" not in said]


def test_an_alarm_that_returns_after_its_answer_leaves_the_desk(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 40.0)
    alarm = plant.alarm_of(sensor)
    opened = screen()
    opened.page.clock.install()
    page = opened.open("/alarms")
    only(page, tag)
    row = row_of(page, alarm["id"])
    expect(row).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(row).to_contain_text("admin")
    plant.say(tag, 3.0)
    expect(row).to_contain_text("已结束")
    page.clock.fast_forward(12_000)  # as long as the rows keep still after a key
    expect(row).to_have_count(0)
