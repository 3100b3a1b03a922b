"""Guessing is slowed down, and nobody is locked out for ever."""

from __future__ import annotations

from itertools import pairwise

from api.lockout import BOUND, FORGET, SECOND, Lockout


class _Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


def _failed(lockout: Lockout, times: int, *, name: str = "duty", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        lockout.failed(name=name, address=address)


def test_the_first_mistakes_are_free() -> None:
    lockout = Lockout(_Clock())
    _failed(lockout, 4)
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_each_further_failure_doubles_the_wait_up_to_a_bound() -> None:
    clock = _Clock()
    lockout = Lockout(clock)
    _failed(lockout, 5)
    waits = []
    for _ in range(12):
        waits.append(lockout.wait_s(name="duty", address="10.0.0.1"))
        _failed(lockout, 1)
    assert waits[0] > 0
    assert all(later >= earlier for earlier, later in pairwise(waits))
    assert waits[1] == 2 * waits[0]
    assert waits[-1] == 900


def test_the_wait_ends_by_itself() -> None:
    clock = _Clock()
    lockout = Lockout(clock)
    _failed(lockout, 5)
    clock.now += lockout.wait_s(name="duty", address="10.0.0.1") * SECOND
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_an_hour_without_failures_forgets_them() -> None:
    clock = _Clock()
    lockout = Lockout(clock)
    _failed(lockout, 9)
    clock.now += FORGET + 1
    _failed(lockout, 1)
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_the_table_is_bounded() -> None:
    lockout = Lockout(_Clock())
    for n in range(BOUND):
        lockout.failed(name=f"name {n}", address=f"address {n}")
    assert len(lockout._failures) <= BOUND


def test_a_strangers_guesses_do_not_lock_the_duty_officer_out() -> None:
    lockout = Lockout(_Clock())
    _failed(lockout, 19, address="10.9.9.9")
    assert lockout.wait_s(name="duty", address="10.9.9.9") > 0
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_guesses_from_everywhere_slow_the_name_itself_down() -> None:
    lockout = Lockout(_Clock())
    for n in range(100):
        _failed(lockout, 1, address=f"10.9.{n}.1")
    assert lockout.wait_s(name="duty", address="10.0.0.1") > 0


def test_a_success_forgets_the_failures_of_this_name_here() -> None:
    lockout = Lockout(_Clock())
    _failed(lockout, 5)
    lockout.succeeded(name="duty", address="10.0.0.1")
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0
