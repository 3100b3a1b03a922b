"""Who gets in, and what those outside are told."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, expect

from tests.web.conftest import Demo, Open


def test_a_wrong_password_is_answered_in_plain_words(browser: Browser, demo: Demo) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(demo.url + "/wall")
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("User name or password is wrong")
    expect(page.get_by_label("Password")).to_have_value("")
    page.close()


def test_whoever_has_guessed_too_often_is_told_for_how_long(browser: Browser, demo: Demo) -> None:
    page = browser.new_page(locale="zh-CN")
    page.route(
        "**/api/v1/auth/session",
        lambda route: (
            route.fulfill(status=429, headers={"Retry-After": "42"}, json={"title": "locked"})
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.goto(demo.url + "/")
    page.get_by_label("用户名").fill("nobody")
    page.get_by_label("密码").fill("not the password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("尝试次数过多，请在 4")
    page.close()


def test_whoever_is_not_signed_in_is_sent_to_the_door_and_then_on(
    browser: Browser, demo: Demo
) -> None:
    page = browser.new_page(locale="zh-CN")
    page.goto(demo.url + "/gateways")
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码").fill(demo.admin_password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="设备")).to_be_visible()
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_label("用户名")).to_be_visible()
    page.goto(demo.url + "/alarms")
    expect(page.get_by_label("用户名")).to_be_visible()
    page.close()


def test_the_session_cookie_is_out_of_reach_of_scripts(cookies: list[Any]) -> None:
    assert cookies
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Strict" for cookie in cookies)


def test_the_language_changes_without_a_reload(screen: Open) -> None:
    page = screen(locale="zh-CN").open("/settings")
    expect(page.get_by_role("heading", name="设置")).to_be_visible()
    page.evaluate("window.same = true")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("window.same") is True
