"""Answers to gateways have the contract's keys and a bounded size."""

from __future__ import annotations

import json

import pytest

from domain.wire import (
    Cause,
    Rejection,
    decode_status,
    encode_receipt,
    encode_rejected,
    encode_status,
)
from domain.wire.rejections import TEXTS


def test_a_receipt_names_boot_number_and_time_in_milliseconds() -> None:
    assert json.loads(encode_receipt("b7", 18231, 1_772_669_731_120_456)) == {
        "boot": "b7",
        "stored": 18231,
        "ts": 1_772_669_731_120,
    }


def test_a_rejection_names_every_path_with_its_reason() -> None:
    errors = [Rejection("readings[3].v", "v is missing", Cause.VALUE)]
    assert json.loads(encode_rejected("b7", 5, errors)) == {
        "boot": "b7",
        "seq": 5,
        "errors": [{"path": "readings[3].v", "reason": "v is missing"}],
    }


def test_a_rejection_of_an_unreadable_message_may_know_neither_boot_nor_number() -> None:
    answer = json.loads(encode_rejected(None, None, [Rejection("", "not JSON")]))
    assert (answer["boot"], answer["seq"]) == (None, None)


@pytest.mark.parametrize("online", [True, False])
def test_a_status_is_read_as_it_was_written(online: bool) -> None:
    assert decode_status(encode_status(online=online)) is online


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"online": 1}',
        b"[]",
        b"\xff",
        b'{"online": null}',
        b'{"online":true,"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_a_status_that_says_nothing_is_none(payload: bytes) -> None:
    assert decode_status(payload) is None


def test_every_cause_has_a_name_in_both_languages() -> None:
    assert set(TEXTS) == set(Cause)
    assert all(set(names) == {"zh-CN", "en"} and all(names.values()) for names in TEXTS.values())
