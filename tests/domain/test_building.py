"""A builder's batch has the rows of all messages added, in order."""

from __future__ import annotations

from array import array

from domain.building import BatchBuilder, ReadingColumns
from domain.readings import NO_SEQUENCE, NO_TIME, Quality, ReadingBatch, Reason


def columns(*sensors: int) -> ReadingColumns:
    count = len(sensors)
    return ReadingColumns(
        sensor=array("i", sensors),
        time=array("q", [1_000_000]) * count,
        value=array("d", [2.5]) * count,
        quality=bytes([Quality.UNCERTAIN]) * count,
        reason=array("H", [Reason.NO_DEVICE_TIME]) * count,
    )


def add(builder: BatchBuilder, *sensors: int, boot: str | None, seq: int | None) -> None:
    builder.add(
        gateway=7,
        received=5,
        sent=NO_TIME,
        boot=boot,
        seq=seq,
        backfill=seq is None,
        readings=columns(*sensors),
    )


def test_an_empty_builder_builds_the_empty_batch() -> None:
    assert BatchBuilder().build().to_bytes() == ReadingBatch.empty().to_bytes()


def test_messages_and_readings_stand_in_the_order_they_were_added() -> None:
    builder = BatchBuilder()
    add(builder, 1, 2, boot="b1", seq=1)
    add(builder, boot=None, seq=None)
    add(builder, 3, boot="b2", seq=1)
    add(builder, 4, boot="b1", seq=2)
    assert (builder.messages, len(builder)) == (4, 4)
    batch = builder.build()
    assert batch.messages.gateway.tolist() == [7, 7, 7, 7]
    assert batch.messages.boots == ("b1", "b2")
    assert batch.messages.boot.tolist() == [0, -1, 1, 0]
    assert batch.messages.sequence.tolist() == [1, NO_SEQUENCE, 1, 2]
    assert batch.messages.backfill.tolist() == [False, True, False, False]
    assert batch.message.tolist() == [0, 0, 2, 3]
    assert batch.sensor.tolist() == [1, 2, 3, 4]
    assert batch.quality.tolist() == [Quality.UNCERTAIN] * 4
    assert batch.reason.tolist() == [Reason.NO_DEVICE_TIME] * 4
    assert ReadingBatch.from_bytes(batch.to_bytes()).to_bytes() == batch.to_bytes()


def test_a_built_batch_is_not_changed_by_what_is_added_later() -> None:
    builder = BatchBuilder()
    add(builder, 1, boot=None, seq=None)
    before = builder.build().to_bytes()
    batch = builder.build()
    add(builder, 2, boot=None, seq=None)
    assert batch.to_bytes() == before


def test_the_newest_message_can_be_taken_back_out() -> None:
    builder, kept = BatchBuilder(), BatchBuilder()
    for each in (builder, kept):
        add(each, 1, 2, boot="b1", seq=1)
    add(builder, 3, 4, boot="b1", seq=2)
    assert builder.last_lacks_times()
    builder.remove_last()
    add(builder, boot="b1", seq=3)
    assert not builder.last_lacks_times()
    builder.remove_last()
    assert builder.build().to_bytes() == kept.build().to_bytes()


def plain(builder: BatchBuilder, *sensors: int, flags: int = 0) -> None:
    values = [2.5] * len(sensors)
    builder.add_plain(7, 5, NO_TIME, "b1", 9, False, list(sensors), values, 4_000_000, flags)


def test_plain_messages_and_others_keep_their_places() -> None:
    builder = BatchBuilder()
    plain(builder, 1, 2)
    add(builder, 3, 4, boot="b1", seq=2)
    plain(builder)
    plain(builder, 5, flags=Reason.NO_DEVICE_TIME)
    add(builder, 6, boot="b1", seq=3)
    batch = builder.build()
    assert batch.sensor.tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.message.tolist() == [0, 0, 1, 1, 3, 4]
    assert (batch.time // 1_000_000).tolist() == [4, 4, 1, 1, 4, 1]
    assert batch.quality.tolist() == [0, 0, 1, 1, 0, 1]
    assert batch.reason.tolist() == [0, 0, 1, 1, 1, 1]


def test_a_plain_message_can_be_taken_back_out_and_lacks_times_if_its_flags_say_so() -> None:
    builder, kept = BatchBuilder(), BatchBuilder()
    for each in (builder, kept):
        add(each, 1, boot="b1", seq=1)
        plain(each, 2)
    assert not builder.last_lacks_times()
    plain(builder, 3, 4, flags=Reason.NO_DEVICE_TIME)
    assert builder.last_lacks_times()
    builder.remove_last()
    plain(builder, flags=Reason.NO_DEVICE_TIME)
    assert not builder.last_lacks_times()
    builder.remove_last()
    assert builder.build().to_bytes() == kept.build().to_bytes()


def test_the_newest_message_can_be_marked_and_no_other_is() -> None:
    builder = BatchBuilder()
    plain(builder, 1)
    add(builder, 2, boot="b1", seq=2)
    builder.mark_last(Reason.COPY)
    add(builder, 3, boot="b1", seq=3)
    plain(builder, 4, 5)
    builder.mark_last(Reason.COPY)
    plain(builder)
    builder.mark_last(Reason.COPY)
    plain(builder, 6, flags=Reason.NO_DEVICE_TIME)
    untimed = Reason.NO_DEVICE_TIME
    batch = builder.build()
    assert batch.reason.tolist() == [0, untimed | Reason.COPY, untimed, *[Reason.COPY] * 2, untimed]
    assert ReadingBatch.from_bytes(batch.to_bytes()).to_bytes() == batch.to_bytes()


def test_the_messages_that_carry_a_number_are_known_by_it() -> None:
    builder = BatchBuilder()
    add(builder, 1, boot="b1", seq=4)
    add(builder, 1, boot="b1", seq=None)
    add(builder, boot=None, seq=2)
    add(builder, 1, boot="b2", seq=1)
    assert list(builder.numbered()) == [(7, "b1", 4), (7, None, 2), (7, "b2", 1)]
