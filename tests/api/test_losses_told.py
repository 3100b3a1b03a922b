"""What was lost, or could not be copied, is told in words on the health page."""

from __future__ import annotations

from typing import Any

from api.health import losses_part, retention_part, standby_part


def figures(*, holes: int = 0, set_aside: int = 0, **faults: str) -> dict[str, Any]:
    at = "2026-11-20T03:00:00.000Z" if holes else None
    return {
        "store": {"set_aside": set_aside},
        "journal": {"holes": holes, "newest_hole_at": at},
        "standby": {
            "faults": faults,
            "fault_texts": {n: {"zh-CN": f"[{why}]", "en": why} for n, why in faults.items()},
        },
    }


def test_nothing_lost_is_well() -> None:
    assert losses_part(figures()).state == "ok"
    assert standby_part(figures()).state == "ok"


def test_a_hole_is_a_warning_with_its_time_in_both_languages() -> None:
    part = losses_part(figures(holes=2))
    assert part.state == "warn"
    assert "2 段" in part.text.zh
    assert "lost: 2 " in part.text.en
    for text in (part.text.zh, part.text.en):
        assert "2026-11-20" in text
        assert "journal_holes" not in text


def test_an_entry_set_aside_is_a_warning_that_says_where_it_is() -> None:
    part = losses_part(figures(holes=1, set_aside=3))
    assert part.state == "warn"
    assert "3 条" in part.text.zh
    assert "refused: 3," in part.text.en
    assert "lost: 1 " in part.text.en


def test_each_file_of_the_standby_copy_that_cannot_be_written_is_named() -> None:
    part = standby_part(figures(registry="no space left", checkpoint="no space left"))
    assert part.state == "warn"
    assert "判断状态、设备台账" in part.text.zh
    assert "state of judging, registry (no space left)" in part.text.en
    assert "（[no space left]）" in part.text.zh


def test_a_clock_that_retention_does_not_believe_is_a_warning() -> None:
    assert retention_part({"retention": {"clock_ahead_s": None}}).state == "ok"
    part = retention_part({"retention": {"clock_ahead_s": 3 * 86_400}})
    assert part.state == "warn"
    assert "3.0 天" in part.text.zh
    assert "3.0 days ahead" in part.text.en
