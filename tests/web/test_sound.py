"""One sound for a new HH or LL, and a banner while the browser forbids it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.conftest import Open, Plant, until


def test_a_blocked_sound_is_said_and_one_click_releases_it(screen: Open) -> None:
    page = screen().open("/alarms")
    banner = page.get_by_text("浏览器禁止了声音")
    expect(banner).to_be_visible()
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
    assert page.evaluate("window.tones") == 0
    plant.say(loud, 80.0)
    until(lambda: page.evaluate("window.tones > 0") or None)
    rung = page.evaluate("window.tones")
    expect(page.get_by_role("status").filter(has_text="新报警")).to_have_count(1)
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
