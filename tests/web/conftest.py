"""A real Chromium in front of the running demo, and a small plant of our own to raise alarms in."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
T = TypeVar("T")
expect.set_options(timeout=10_000)


class Demo(Protocol):
    """What these tests need of the running demo."""

    @property
    def url(self) -> str: ...
    @property
    def admin_password(self) -> str: ...


@dataclass
class Plant:
    """An enterprise of our own with one gateway, which says what the tests tell it to.

    Tests that share it use sensors of their own, so that they never wait for each other.
    """

    http: httpx.Client
    token: str
    enterprise: str
    site: str
    gateway: str
    password: str
    _sequence: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _tags: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **query: str) -> Any:
        answer = self.http.get(path, params=query, headers=self.admin)
        answer.raise_for_status()
        return answer.json()

    def sensor(self, **limits: float) -> tuple[int, str]:
        """Add a gas detector that alarms at once; returns its id and tag."""
        tag = f"web{next(self._tags)}.lel"
        levels = limits or {"HH": 50.0, "H": 25.0}
        answer = self.http.post(
            "/api/v1/sensors",
            headers=self.admin,
            json={
                "gateway": self.gateway,
                "tag": tag,
                "measurand": "GAS_LEL",
                "limits": {
                    level: {
                        "setpoint": at,
                        "deadband": 2,
                        "on_delay_s": 0,
                        "off_delay_s": 0,
                        "latch": False,
                    }
                    for level, at in levels.items()
                },
            },
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], tag

    def say(self, tag: str, value: object) -> httpx.Response:
        """Post one reading as the gateway would, durable when this returns."""
        now = time.time_ns() // 1_000_000
        answer = self.http.post(
            f"/api/v1/telemetry/{self.gateway}",
            auth=(self.gateway, self.password),
            json={
                "ts": now,
                "sent": now,
                "boot": "web",
                "seq": next(self._sequence),
                "readings": [{"s": tag, "v": value}],
            },
        )
        answer.raise_for_status()
        return answer

    def alarm_of(self, sensor: int) -> dict[str, Any]:
        """The open alarm of a sensor, once there is one."""
        return until(
            lambda: next(
                iter(self.get("/api/v1/alarms", state="open", sensor=str(sensor))["items"]), None
            )
        )


def until(ask: Callable[[], T | None], within_s: float = 10) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"nothing came within {within_s} s")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def plant(demo: Demo) -> Iterator[Plant]:
    with httpx.Client(base_url=demo.url, timeout=20) as http:
        signed = http.post(
            "/api/v1/auth/token", data={"username": "admin", "password": demo.admin_password}
        )
        assert signed.status_code == 200, signed.text
        token = signed.json()["access_token"]
        admin = {"Authorization": f"Bearer {token}"}
        region = http.get("/api/v1/regions", headers=admin).json()["items"][0]["id"]

        def add(noun: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = http.post(f"/api/v1/{noun}", headers=admin, json=body)
            assert answer.status_code == 201, answer.text
            added: dict[str, Any] = answer.json()
            return added

        add(
            "enterprises",
            {"id": "web-e", "name": "网页测试厂", "region": region, "industry": "chemical"},
        )
        add(
            "sites",
            {
                "id": "web-s",
                "name": "网页测试厂 一号院",
                "enterprise": "web-e",
                "kind": "major_hazard",
            },
        )
        mqtt = add("gateways", {"id": "web-gw", "site": "web-s"})["mqtt"]
        yield Plant(http, token, "web-e", "web-s", "web-gw", mqtt["password"])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-audio-output",
                "--autoplay-policy=document-user-activation-required",
                "--disable-features=MediaEngagementBypassAutoplayPolicies,PreloadMediaEngagementData",
            ],
        )
        yield running
        running.close()


@dataclass
class Screen:
    """One signed-in browser context."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str]
    """Console errors, page errors and requests to other hosts: there must be none."""

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page


Open = Callable[..., Screen]


def blocked_desk(screen: Open) -> Page:
    """The desk in a browser that forbids sound; now and then Chromium lets a fresh page sound."""
    for _ in range(8):
        page = screen().open("/alarms")
        expect(page.get_by_role("grid")).to_be_visible()
        expect(page.locator("footer")).not_to_contain_text("— 条")  # the feed has been heard
        if page.get_by_text("浏览器禁止了声音").is_visible():
            return page
    pytest.fail("Chromium blocks no sound")


@pytest.fixture(scope="session")
def cookies(browser: Browser, demo: Demo) -> list[Any]:
    """Sign in once by hand; the other screens begin with what the browser kept."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(demo.url + "/")
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码").fill(demo.admin_password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("grid")).to_be_visible()
    kept = list(context.cookies())
    context.close()
    return kept


@pytest.fixture
def screen(browser: Browser, demo: Demo, cookies: list[Any]) -> Iterator[Open]:
    """Open signed-in screens; each must end without a complaint of the browser."""
    opened: list[Screen] = []

    def make(
        locale: str = "zh-CN", theme: str = "day", width: int = 1366, height: int = 768
    ) -> Screen:
        context = browser.new_context(locale=locale, viewport={"width": width, "height": height})
        context.add_cookies(cookies)
        context.add_init_script(
            f"localStorage.setItem('vedette.theme', '{theme}');"
            "window.tones = 0; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (...at) { window.tones++; return start.apply(this, at) }"
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((demo.url, "data:", "blob:"))
                else complaints.append(f"asked {request.url}")
            ),
        )
        opened.append(Screen(context, page, demo.url, complaints))
        return opened[-1]

    yield make
    for each in opened:
        each.context.close()
        assert each.complaints == []
