"""Guessing is slowed down, and nobody is locked out for ever."""

from __future__ import annotations

from itertools import pairwise

import pytest

from api.lockout import BOUND, FORGET, SECOND, Lockout


class _Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


def _failed(lockout: Lockout, times: int, *, name: str = "duty", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        lockout.tried(name=name, address=address)


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
        lockout.tried(name=f"name {n}", address=f"address {n}")
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


def _signed_in(lockout: Lockout, *, name: str = "duty", address: str = "10.0.0.1") -> None:
    lockout.succeeded(lockout.tried(name=name, address=address))


def test_a_success_forgets_the_failures_of_this_name_here() -> None:
    lockout = Lockout(_Clock())
    _failed(lockout, 4)
    _signed_in(lockout)
    _failed(lockout, 4)
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_slips_before_a_success_are_not_held_against_the_others_at_the_address() -> None:
    lockout = Lockout(_Clock())
    for n in range(30):
        _failed(lockout, 2, name=f"worker {n}")
        _signed_in(lockout, name=f"worker {n}")
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


def test_one_account_buys_no_guesses_at_the_others() -> None:
    lockout = Lockout(_Clock())
    for n in range(20):
        _failed(lockout, 1, name=f"victim {n}")
        _signed_in(lockout, name="insider")
    assert lockout.wait_s(name="victim 99", address="10.0.0.1") > 0


def test_a_success_makes_nobody_else_wait_longer() -> None:
    clock = _Clock()
    lockout = Lockout(clock)
    for n in range(23):
        _failed(lockout, 1, name=f"victim {n}")
    clock.now += lockout.wait_s(name="duty", address="10.0.0.1") * SECOND
    _signed_in(lockout)
    assert lockout.wait_s(name="other", address="10.0.0.1") == 0


def test_tries_under_way_count_as_failed_until_they_are_known_to_be_right() -> None:
    lockout = Lockout(_Clock())
    under_way = [lockout.tried(name="duty", address="10.0.0.1") for _ in range(5)]
    assert lockout.wait_s(name="duty", address="10.0.0.1") > 0
    lockout.succeeded(under_way[0])
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_no_address_to_lock(address: str) -> None:
    lockout = Lockout(_Clock())
    for n in range(60):
        _failed(lockout, 1, name=f"name {n}", address=address)
    assert lockout.wait_s(name="duty", address=address) == 0
    _failed(lockout, 5, address=address)
    assert lockout.wait_s(name="duty", address=address) > 0


def test_telemetry_is_counted_apart_from_people() -> None:
    lockout = Lockout(_Clock())
    waits = [lockout.telemetry_failed("10.0.0.1") for _ in range(30)]
    assert waits[:20] == [0] * 20
    assert waits[20] > 0
    assert lockout.wait_s(name="duty", address="10.0.0.1") == 0
    _failed(lockout, 40, address="10.0.0.2")
    assert lockout.telemetry_failed("10.0.0.2") == 0
