from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from simulators.files import make_room_for


@pytest.fixture
def few_files() -> Iterator[int]:
    """A soft limit as on a bare machine; gives the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_is_raised_as_far_as_needed(few_files: int) -> None:
    make_room_for(300)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 4 * 300 + 256


def test_what_is_enough_is_left_alone(few_files: int) -> None:
    make_room_for(10)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1024


def test_a_hard_limit_too_low_is_said(few_files: int) -> None:
    with pytest.raises(OSError, match="raise it"):
        make_room_for(few_files)
