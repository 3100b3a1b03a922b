"""Where a server's files lie, and who may go there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.embedded.account import Account, NoAccount, may_enter, may_run, unprivileged
from service.embedded.place import NoPlace, part_directory, reachable_program, write_private

STRANGER = Account("stranger", 54_321, 54_321)


def test_a_closed_directory_above_shuts_everything_below(data_dir: Path) -> None:
    inner = data_dir / "closed" / "inner"
    inner.mkdir(parents=True)
    assert may_enter(inner, STRANGER)
    (data_dir / "closed").chmod(0o700)
    assert not may_enter(inner, STRANGER)
    assert may_enter(inner, None)


def test_the_owners_bits_count_for_the_owner(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    ourselves = Account("us", os.geteuid(), os.getegid())
    assert may_enter(data_dir, ourselves)


def test_a_program_must_be_readable_and_its_way_open(data_dir: Path) -> None:
    program = data_dir / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert may_run(program, STRANGER)
    program.chmod(0o700)
    assert not may_run(program, STRANGER)


def test_a_program_out_of_reach_is_copied_once_per_version(data_dir: Path) -> None:
    closed, part = data_dir / "closed", data_dir / "part"
    closed.mkdir(mode=0o700)
    part.mkdir(mode=0o711)
    program = closed / "program"
    program.write_text("one")
    program.chmod(0o755)
    first = reachable_program(program, part, STRANGER)
    assert first.parent.parent == part
    assert reachable_program(program, part, STRANGER) == first
    program.write_text("another")
    second = reachable_program(program, part, STRANGER)
    assert second.read_text() == "another"
    assert not first.exists()


def test_where_no_directory_can_be_entered_one_sentence_says_so(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr("service.embedded.place.FALLBACK", closed)
    with pytest.raises(NoPlace, match="choose another data directory"):
        part_directory(closed / "data", "nats", STRANGER)


def test_a_private_file_is_never_readable_by_others(data_dir: Path) -> None:
    write_private(data_dir / "secret", "one")
    write_private(data_dir / "secret", "two")
    assert (data_dir / "secret").read_text() == "two"
    assert (data_dir / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["secret"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses an account")
@pytest.mark.parametrize("name", ["root", "nobody-of-that-name"])
def test_root_and_unknown_accounts_are_refused(name: str) -> None:
    with pytest.raises(NoAccount, match=name):
        unprivileged(name)
