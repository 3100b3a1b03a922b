"""One sound for a new HH or LL, and a banner while the browser forbids it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.conftest import Open, Plant, blocked_desk, until


def test_a_blocked_sound_is_said_and_one_click_releases_it(screen: Open) -> None:
    page = blocked_desk(screen)
    banner = page.get_by_text("浏览器禁止了声音")
    page.get_by_role("button", name="打开声音").click()
    expect(banner).to_have_count(0)


def test_the_sound_can_be_tested(screen: Open) -> None:
    page = screen().open("/settings")
    page.get_by_role("button", name="试听").click()
    expect(page.get_by_text("已播放")).to_be_visible()
    assert page.evaluate("window.tones") > 0


def test_a_new_high_high_rings_once_and_a_high_does_not(screen: Open, plant: Plant) -> None:
    _, quiet = plant.sensor()
    _, loud = plant.sensor()
    page = screen().open("/alarms")
    page.locator("footer").click()
    plant.say(quiet, 30.0)
    expect(page.locator(".alarm-row").filter(has_text=quiet)).to_be_visible()
    said = page.get_by_role("status").filter(has_text="新报警")
    expect(said.filter(has_text=quiet)).to_have_count(1)
    assert page.evaluate("window.tones") == 0
    plant.say(loud, 80.0)
    until(lambda: page.evaluate("window.tones > 0") or None)
    rung = page.evaluate("window.tones")
    expect(said.filter(has_text=loud)).to_have_count(1)
    plant.say(loud, 81.0)
    plant.say(quiet, 31.0)
    page.wait_for_timeout(1_000)
    assert page.evaluate("window.tones") == rung


def test_a_mute_ends_by_itself_and_says_when(screen: Open) -> None:
    page = screen().open("/alarms")
    expect(page.get_by_role("grid")).to_be_visible()
    page.keyboard.press("m")
    expect(page.get_by_text("已静音")).to_be_visible()
    page.get_by_role("button", name="立即恢复").click()
    expect(page.get_by_text("已静音")).to_have_count(0)


def test_a_call_that_was_muted_comes_when_the_mute_ends(screen: Open, plant: Plant) -> None:
    _, tag = plant.sensor()
    page = screen().open("/alarms")
    expect(page.get_by_role("grid")).to_be_visible()
    page.keyboard.press("m")
    expect(page.get_by_text("已静音")).to_be_visible()
    plant.say(tag, 80.0)
    expect(page.locator(".alarm-row").filter(has_text=tag)).to_be_visible()
    assert page.evaluate("window.tones") == 0
    page.get_by_role("button", name="立即恢复").click()
    until(lambda: page.evaluate("window.tones > 0") or None)


def test_a_call_that_the_browser_blocked_comes_with_the_first_touch(
    screen: Open, plant: Plant
) -> None:
    _, tag = plant.sensor()
    page = blocked_desk(screen)
    plant.say(tag, 80.0)
    expect(page.locator(".alarm-row").filter(has_text=tag)).to_be_visible()
    assert page.evaluate("window.tones") == 0
    page.locator("footer").click()
    until(lambda: page.evaluate("window.tones > 0") or None)


def test_an_alarm_that_comes_back_from_its_shelf_calls_again(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    plant.say(tag, 80.0)
    alarm = plant.alarm_of(sensor)
    path = f"/api/v1/alarms/{alarm['id']}"
    shelf = {"minutes": 15, "reason": "检修"}
    assert plant.http.post(f"{path}/shelve", headers=plant.admin, json=shelf).status_code == 200
    page = screen().open("/alarms")
    row = page.locator(".alarm-row").filter(has_text=tag)
    page.locator("footer").click()
    expect(row).to_contain_text("搁置")
    assert page.evaluate("window.tones") == 0
    assert plant.http.post(f"{path}/unshelve", headers=plant.admin, json={}).status_code == 200
    expect(row).to_contain_text("未响应")
    until(lambda: page.evaluate("window.tones > 0") or None)


def test_sound_that_is_switched_off_is_said_and_can_be_switched_on(screen: Open) -> None:
    opened = screen()
    opened.page.add_init_script("localStorage.setItem('vedette.sound', 'off')")
    page = opened.open("/alarms")
    banner = page.get_by_text("本机声音已关闭")
    expect(banner).to_be_visible()
    page.get_by_role("button", name="打开声音").click()
    expect(banner).to_have_count(0)
    assert page.evaluate("localStorage.getItem('vedette.sound')") == "on"
