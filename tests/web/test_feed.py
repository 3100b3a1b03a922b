"""A screen that hears nothing says so, and misses nothing when it hears again."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from playwright.sync_api import expect

from tests.web.conftest import Open, Plant


def test_a_dead_feed_is_shown_within_five_seconds(screen: Open, plant: Plant, demo: Any) -> None:
    page = screen().open("/wall")
    expect(page.get_by_role("heading", level=1)).not_to_be_empty()
    page.wait_for_timeout(1_500)
    os.kill(demo.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        shout = page.get_by_role("alert").filter(has_text="画面数据已中断")
        expect(shout).to_be_visible(timeout=8_000)
        took = time.monotonic() - began
    finally:
        os.kill(demo.process.pid, signal.SIGCONT)
    assert took <= 5.5, f"{took:.1f} s"
    expect(shout).to_have_count(0, timeout=15_000)


def test_alarms_of_a_cut_are_there_after_it(screen: Open, plant: Plant) -> None:
    sensor, tag = plant.sensor()
    opened = screen()
    page = opened.open("/alarms")
    expect(page.get_by_role("grid")).to_be_visible()
    opened.context.set_offline(True)
    plant.say(tag, 66.0)
    alarm = plant.alarm_of(sensor)
    opened.context.set_offline(False)
    expect(page.locator(f'[id="row-{alarm["id"]}"]')).to_be_visible(timeout=15_000)
    opened.complaints[:] = [
        said for said in opened.complaints if "ERR_INTERNET_DISCONNECTED" not in said
    ]
