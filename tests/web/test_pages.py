"""Every page: it fits, it can be read by machines for people who cannot see, it asks nobody else."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import Open, Plant

PAGES = [
    "wall",
    "alarms",
    "enterprises",
    "enterprise",
    "sensor",
    "gateways",
    "gateway",
    "system",
    "settings",
]


@pytest.fixture(scope="module")
def paths(plant: Plant) -> dict[str, str]:
    sensor, tag = plant.sensor()
    plant.say(tag, 12.0)
    plant.say(tag, 55.0)
    alarm = plant.alarm_of(sensor)
    plant.say("no.such.tag", 1.0)
    found = {name: f"/{name}" for name in PAGES}
    found["alarms"] = f"/alarms/{alarm['id'].replace('.', '-')}"
    found["enterprise"] = f"/enterprises/{plant.enterprise}"
    found["sensor"] = f"/sensors/{sensor}"
    found["gateway"] = f"/gateways/{plant.gateway}"
    return found


def settled(page: Page) -> Page:
    expect(page.locator("main")).not_to_contain_text("正在取数")
    expect(page.locator("main")).not_to_contain_text("Loading…")
    page.wait_for_timeout(300)
    return page


@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_a_rule_of_accessibility(
    name: str, screen: Open, paths: dict[str, str]
) -> None:
    for theme in ("day", "night"):
        page = settled(screen(theme=theme).open(paths[name]))
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name} by {theme}: {found.generate_report()}"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1366, 1920])
def test_every_page_fits_its_width_in_both_languages(
    name: str, width: int, screen: Open, paths: dict[str, str]
) -> None:
    for locale in ("zh-CN", "en"):
        page = settled(screen(locale=locale, width=width).open(paths[name]))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_the_wall_says_the_state_in_one_sentence(screen: Open, paths: dict[str, str]) -> None:
    page = settled(screen(width=1920, height=1080).open("/wall"))
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("项橙色")
    expect(page.get_by_role("img", name="场所位置图")).to_be_visible()
    expect(page.get_by_text("网页测试厂").first).to_be_visible()
    assert "/alarms/" in paths["alarms"]


def test_normal_is_never_green(screen: Open) -> None:
    page = settled(screen().open("/enterprises"))
    green = page.evaluate(
        """[...document.querySelectorAll('*')].filter(each => {
          const style = getComputedStyle(each)
          return [style.color, style.backgroundColor, style.fill].some(colour => {
            const [r, g, b] = (colour.match(/\\d+/g) ?? []).map(Number)
            return g > r + 40 && g > b + 40
          })
        }).length"""
    )
    assert green == 0


def test_a_trend_draws_what_was_stored(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    for value in (11.0, 12.0, 13.0):
        plant.say(tag, value)
    page = screen().open(f"/sensors/{sensor}")
    chart = page.get_by_role("img", name="趋势图")
    expect(chart).to_be_visible()
    expect(chart).to_have_attribute(
        "aria-label", re.compile(r"\b([3-9]|\d{2,}) 个点"), timeout=20_000
    )
    page.get_by_role("button", name="7 天").click()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?range=d7")


def test_the_device_page_shows_what_was_rejected_and_why(screen: Open, plant: Plant) -> None:
    plant.say("no.such.tag", 1.0)
    page = screen().open(f"/gateways/{plant.gateway}")
    expect(page.get_by_role("cell", name="readings[0].s").first).to_be_visible()


def test_an_address_that_leads_nowhere_says_so(screen: Open) -> None:
    page = screen().open("/no/such/page")
    expect(page.get_by_role("heading", name="没有此页")).to_be_visible()
