from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.wire import OutgoingReading
from simulators.outbox import Outbox

READINGS = (OutgoingReading("t", 1.0),)


def filled(count: int, *, capacity: int = 100) -> Outbox:
    outbox = Outbox(capacity)
    for k in range(count):
        outbox.put(k, READINGS)
    return outbox


def test_messages_are_numbered_from_one() -> None:
    assert [message.seq for message in filled(3)] == [1, 2, 3]


def test_the_oldest_unsent_come_first() -> None:
    outbox = filled(5)
    for message in outbox.unsent(2):
        outbox.mark_sent(message)
    assert [message.seq for message in outbox.unsent(2)] == [3, 4]


def test_only_a_receipt_removes() -> None:
    outbox = filled(3)
    for message in outbox.unsent(3):
        outbox.mark_sent(message)
    assert outbox.unsent(9) == []
    assert len(outbox) == 3
    assert outbox.receipted(2) == 2
    assert [message.seq for message in outbox] == [3]


def test_after_a_rewind_all_without_receipt_go_again() -> None:
    outbox = filled(4)
    for message in outbox.unsent(4):
        outbox.mark_sent(message)
    outbox.receipted(1)
    outbox.rewind()
    assert [message.seq for message in outbox.unsent(9)] == [2, 3, 4]


def test_a_full_box_gives_up_its_oldest_and_counts() -> None:
    outbox = filled(7, capacity=5)
    assert outbox.given_up == 2
    assert [message.seq for message in outbox.unsent(9)] == [3, 4, 5, 6, 7]


STEPS = st.lists(
    st.one_of(
        st.just(("put", 0)),
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("receipt"), st.integers(0, 30)),
        st.just(("rewind", 0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_agrees_with_a_plain_list_whatever_happens(steps: list[tuple[str, int]]) -> None:
    outbox, model, put = Outbox(8), {}, 0
    for what, number in steps:
        if what == "put":
            put += 1
            outbox.put(0, READINGS)
            model[put] = False
            if len(model) > 8:
                del model[min(model)]
        elif what == "send":
            for message in outbox.unsent(number):
                outbox.mark_sent(message)
            for seq in [seq for seq, sent in model.items() if not sent][:number]:
                model[seq] = True
        elif what == "receipt":
            outbox.receipted(number)
            model = {seq: sent for seq, sent in model.items() if seq > number}
        else:
            outbox.rewind()
            model = dict.fromkeys(model, False)
        assert {message.seq: message.sent for message in outbox} == model
        assert [m.seq for m in outbox.unsent(99)] == [s for s, sent in model.items() if not sent]
