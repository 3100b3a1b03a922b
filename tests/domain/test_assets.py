"""Ids that people choose fit into a topic level and an MQTT user name."""

from __future__ import annotations

import pytest

from domain.assets import ID_PATTERN


@pytest.mark.parametrize("good", ["a", "0", "gw-01_b", "G" * 64])
def test_letters_digits_dash_and_underscore_make_an_id(good: str) -> None:
    assert ID_PATTERN.fullmatch(good)


@pytest.mark.parametrize("bad", ["", "-a", "_a", "a b", "a/b", "a+", "#", "网关", "G" * 65, "a\n"])
def test_what_would_break_a_topic_is_no_id(bad: str) -> None:
    assert not ID_PATTERN.fullmatch(bad)
