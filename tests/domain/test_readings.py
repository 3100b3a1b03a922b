"""Batches go to bytes and back whole, and nothing else is taken for a batch."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.readings import (
    NO_SEQUENCE,
    NO_TIME,
    MessageColumns,
    Quality,
    ReadingBatch,
    Reason,
)

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=32)


@st.composite
def batches(draw: st.DrawFn) -> ReadingBatch:
    boots = draw(st.lists(texts, max_size=3, unique=True))
    m = draw(st.integers(0, 5))
    n = draw(st.integers(0, 12)) if m else 0

    def column(values: st.SearchStrategy[int], size: int) -> list[int]:
        return draw(st.lists(values, min_size=size, max_size=size))

    value = draw(st.lists(st.floats(allow_nan=True), min_size=n, max_size=n))
    return ReadingBatch(
        messages=MessageColumns(
            gateway=np.array(column(int32, m), np.int32),
            received=np.array(column(int64, m), np.int64),
            sent=np.array(column(st.just(NO_TIME) | int64, m), np.int64),
            sequence=np.array(column(st.integers(NO_SEQUENCE, 2**63 - 1), m), np.int64),
            boot=np.array(column(st.integers(-1, len(boots) - 1), m), np.int32),
            backfill=np.array(column(st.booleans(), m), np.bool_),
            boots=tuple(boots),
        ),
        message=np.array(sorted(column(st.integers(0, max(m - 1, 0)), n)), np.int32),
        sensor=np.array(column(int32, n), np.int32),
        time=np.array(column(int64, n), np.int64),
        value=np.array(value, np.float64),
        quality=np.array(column(st.sampled_from(Quality), n), np.uint8),
        reason=np.array(column(st.integers(0, int(~Reason(0))), n), np.uint16),
    )


def assert_same(a: ReadingBatch, b: ReadingBatch) -> None:
    for one, other in ((a, b), (a.messages, b.messages)):
        for field in fields(one):
            left, right = getattr(one, field.name), getattr(other, field.name)
            if isinstance(left, np.ndarray):
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right, err_msg=field.name)
    assert a.messages.boots == b.messages.boots


def two_readings() -> ReadingBatch:
    return ReadingBatch(
        messages=MessageColumns(
            gateway=np.array([7, 8], np.int32),
            received=np.array([100, 200], np.int64),
            sent=np.array([NO_TIME, 150], np.int64),
            sequence=np.array([NO_SEQUENCE, 3], np.int64),
            boot=np.array([-1, 0], np.int32),
            backfill=np.array([False, True]),
            boots=("b7",),
        ),
        message=np.array([0, 1], np.int32),
        sensor=np.array([1, 2], np.int32),
        time=np.array([90, 140], np.int64),
        value=np.array([1.5, np.nan], np.float64),
        quality=np.array([Quality.GOOD, Quality.BAD], np.uint8),
        reason=np.array([0, Reason.NULL_VALUE], np.uint16),
    )


@given(batches())
def test_a_batch_comes_back_from_its_bytes_as_it_was(batch: ReadingBatch) -> None:
    assert_same(ReadingBatch.from_bytes(batch.to_bytes()), batch)


def test_equal_batches_have_equal_bytes_wherever_their_columns_lie() -> None:
    batch = two_readings()
    assert ReadingBatch.from_bytes(batch.to_bytes()).to_bytes() == batch.to_bytes()


def test_columns_read_from_bytes_cannot_be_written_to() -> None:
    batch = ReadingBatch.from_bytes(two_readings().to_bytes())
    with pytest.raises(ValueError, match="read-only"):
        batch.value[0] = 2.0


def test_a_reading_was_received_when_its_message_was() -> None:
    assert two_readings().received.tolist() == [100, 200]


def test_an_empty_batch_has_no_readings_and_no_messages() -> None:
    empty = ReadingBatch.empty()
    assert (len(empty), len(empty.messages)) == (0, 0)
    assert_same(ReadingBatch.from_bytes(empty.to_bytes()), empty)


@given(batches(), st.data())
def test_damaged_bytes_are_refused_with_a_reason_or_are_another_batch(
    batch: ReadingBatch, data: st.DataObject
) -> None:
    payload = bytearray(batch.to_bytes())
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        damaged = ReadingBatch.from_bytes(bytes(payload))
        assert len(damaged.to_bytes()) == len(payload)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_not_a_batch(payload: bytes) -> None:
    with pytest.raises(ValueError, match="batch"):
        ReadingBatch.from_bytes(payload)


@given(batches(), st.integers(1, 30))
def test_a_cut_batch_is_refused(batch: ReadingBatch, cut: int) -> None:
    with pytest.raises(ValueError, match="batch"):
        ReadingBatch.from_bytes(batch.to_bytes()[:-cut])


def test_a_batch_of_a_newer_version_is_refused_by_its_number() -> None:
    payload = bytearray(two_readings().to_bytes())
    struct.pack_into("<H", payload, 4, 2)
    with pytest.raises(ValueError, match="version 2"):
        ReadingBatch.from_bytes(bytes(payload))


def test_boot_strings_that_are_no_strings_are_refused() -> None:
    payload = two_readings().to_bytes()
    with pytest.raises(ValueError, match="boot strings"):
        ReadingBatch.from_bytes(payload.replace(b"\x91\xa2b7", b"\x91\xa2\xff\xff"))
    with pytest.raises(ValueError, match="boot strings"):
        ReadingBatch.from_bytes(payload.replace(b"\x91\xa2b7", b"\x93\x01\x02\x03"))


@pytest.mark.parametrize(
    ("column", "wrong", "reason"),
    [
        ("boot", [0, 1], "a boot that is not listed"),
        ("boot", [-2, 0], "a boot that is not listed"),
        ("sequence", [-2, 3], "a negative sequence"),
    ],
)
def test_a_message_that_makes_no_sense_is_refused(
    column: str, wrong: list[int], reason: str
) -> None:
    batch = two_readings()
    getattr(batch.messages, column)[:] = wrong
    with pytest.raises(ValueError, match=reason):
        ReadingBatch.from_bytes(batch.to_bytes())


@pytest.mark.parametrize(
    ("column", "wrong", "reason"),
    [
        ("message", [0, 2], "a message that is not there"),
        ("message", [-1, 0], "a message that is not there"),
        ("message", [1, 0], "messages out of order"),
        ("quality", [0, 8], "an unknown quality"),
        ("reason", [0, 16384], "an unknown reason"),
    ],
)
def test_a_reading_that_makes_no_sense_is_refused(
    column: str, wrong: list[int], reason: str
) -> None:
    batch = two_readings()
    getattr(batch, column)[:] = wrong
    with pytest.raises(ValueError, match=reason):
        ReadingBatch.from_bytes(batch.to_bytes())


def test_a_backfill_flag_is_0_or_1() -> None:
    payload = two_readings().to_bytes()
    with pytest.raises(ValueError, match="backfill is neither 0 nor 1"):
        ReadingBatch.from_bytes(payload.replace(b"\x00\x01\x91\xa2b7", b"\x02\x01\x91\xa2b7"))


def test_a_reading_without_any_message_is_refused() -> None:
    batch = two_readings()
    alone = ReadingBatch(
        messages=ReadingBatch.empty().messages,
        message=batch.message,
        sensor=batch.sensor,
        time=batch.time,
        value=batch.value,
        quality=batch.quality,
        reason=batch.reason,
    )
    with pytest.raises(ValueError, match="a message that is not there"):
        ReadingBatch.from_bytes(alone.to_bytes())
