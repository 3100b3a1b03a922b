"""Every page: it fits, it can be read by machines for people who cannot see, it asks nobody else."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from domain.wire import BatchBuilder, MalformedMessage, SensorRef, decode
from tests.web.conftest import Open, Plant

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
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
    expect(page.get_by_role("heading", level=1).first).to_be_attached()
    expect(page.locator("main")).not_to_contain_text("正在取数")
    expect(page.locator("main")).not_to_contain_text("Loading…")
    page.wait_for_timeout(300)
    return page


@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_a_rule_of_accessibility(
    name: str, screen: Open, paths: dict[str, str]
) -> None:
    page = settled(screen(theme="system").open(paths[name]))
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html.night")).to_have_count(int(theme == "dark"))
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name} by {theme}: {found.generate_report()}"


@pytest.mark.parametrize("name", PAGES)
def test_every_page_fits_its_width_in_both_languages(
    name: str, screen: Open, paths: dict[str, str]
) -> None:
    page = settled(screen(locale="zh-CN").open(paths[name]))
    for locale in ("zh-CN", "en"):
        if locale == "en":
            page.evaluate("localStorage.setItem('vedette.locale', 'en')")
            page.reload()
            expect(page.locator("html[lang=en]")).to_have_count(1)
        for width in (1366, 1920):
            page.set_viewport_size({"width": width, "height": 768})
            settled(page)
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


NOON_US = 1_772_669_730_000_000


def refused() -> list[str]:
    """A sentence of each kind that the wire formats refuse with, as the decoder itself says it."""
    tags = {"a": SensorRef(1), "valve": SensorRef(2, {"open": 1.0})}
    bad = (
        b"{bad",
        b"\xff",
        b"[]",
        b"{}",
        b'{"readings": 1}',
        b'{"values": 1}',
        b"[" * 100_000,
        b" " * (256 * 1024 + 1),
        b'{"boot": "' + b"x" * 33 + b'", "seq": 1, "values": {"a": 1}}',
        b'{"boot": "x", "seq": -1, "values": {"a": 1}}',
        b'{"ts": "noon", "readings": [{"s": "a", "v": 1}]}',
        b'{"ts": "2026-02-30T00:00:00Z", "values": {"a": 1}}',
        b'{"ts": -1, "values": {"a": 1}}',
        b'{"ts": {}, "values": {"a": 1}}',
        b'{"readings": [1, {"v": 1}, {"s": "", "v": 1}, {"s": "b", "v": 1}, {"s": "a"}]}',
        b'{"readings": [{"s": "a", "v": {}}, {"s": "a", "v": "open"}, {"s": "valve", "v": "x"}]}',
        b'{"readings": [{"s": "a", "v": 1, "q": "Z"}]}',
        b'{"values": {' + b",".join(b'"t%d": 1' % n for n in range(200)) + b"}}",
    )
    said = []
    for payload in bad:
        try:
            head = decode(payload, tags, NOON_US, BatchBuilder(), 1, False)
        except MalformedMessage as malformed:
            said.append(malformed.reason)
        else:
            assert head.errors, payload[:60]
            said += [error.reason for error in head.errors]
    return [
        *dict.fromkeys(said),
        "gateway 'g' may not publish on 't'; the message was dropped",
        "gateway 'g' is not registered; add it under Gateways",
        "2 reading(s) with a time more than 5 minutes in the future, the first g.lel; set the clock",
    ]


def test_every_reason_of_a_rejection_has_words_in_the_readers_language(
    screen: Open, plant: Plant
) -> None:
    reasons = refused()
    opened = screen(width=1920)

    def answer(route: Route) -> None:
        view = route.fetch().json()
        view["rejections"] = [
            {
                "at": "2026-01-02T03:04:05Z",
                "path": "",
                "reason": reason,
                "topic": "t",
                "payload": "",
            }
            for reason in reasons
        ]
        route.fulfill(json=view)

    opened.page.route(f"**/api/v1/gateways/{plant.gateway}", answer)
    page = opened.open(f"/gateways/{plant.gateway}")
    cells = page.locator("td.why")
    expect(cells).to_have_count(len(reasons))
    for reason, said in zip(reasons, cells.all_inner_texts(), strict=True):
        assert re.match("[\u4e00-\u9fff]", said), f"no Chinese word for: {reason}"
        assert reason in said


def test_a_page_whose_answers_are_slow_shows_them_all_the_same(screen: Open, plant: Plant) -> None:
    opened = screen()
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    opened.page.clock.install()
    opened.page.route(f"**/api/v1/gateways/{plant.gateway}", hold)
    page = opened.open(f"/gateways/{plant.gateway}")
    expect(page.get_by_text("正在取数")).to_be_visible()
    page.clock.run_for(10_000)  # three times as long as the page waits before it asks again
    asked[0].continue_()
    expect(page.get_by_role("heading", level=1, name=plant.gateway)).to_be_visible()


def test_an_id_is_shown_in_the_case_it_has(screen: Open, plant: Plant) -> None:
    """`gw9` and `Gw9` are two gateways; only a measurand's name begins a heading with a capital."""
    opened = screen(locale="en")
    begins = "e => getComputedStyle(e, '::first-letter').textTransform"
    page = opened.open(f"/gateways/{plant.gateway}")
    assert page.get_by_role("heading", level=1, name=plant.gateway).evaluate(begins) == "none"
    page = opened.open("/gateways")
    assert page.get_by_role("link", name=plant.gateway).first.evaluate(begins) == "none"


def test_one_is_not_many(screen: Open, plant: Plant) -> None:
    page = screen(locale="en").open("/enterprises")
    page.get_by_role("searchbox").fill(plant.enterprise)
    expect(page.locator("header")).to_contain_text("1 enterprise")
    expect(page.locator("header")).not_to_contain_text("1 enterprises")


def test_a_screen_says_in_which_zone_its_times_are(screen: Open) -> None:
    for path, place in (("/alarms", "nav"), ("/wall", "header")):
        page = screen().open(path)
        expect(page.locator(place)).to_contain_text("UTC+")


def test_an_address_that_leads_nowhere_says_so(screen: Open) -> None:
    page = screen().open("/no/such/page")
    expect(page.get_by_role("heading", name="没有此页")).to_be_visible()
