"""The copy beside the journal: whole or refused, private, and never read by an older program."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from service.standby import FORMAT, Checkpoint, Standby, StandbyDamaged, StandbyNewer

CHECKPOINT = Checkpoint("journal", 7, b"state")


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    return Standby(tmp_path / "standby")


def test_what_is_saved_is_loaded(standby: Standby) -> None:
    standby.save_checkpoint(CHECKPOINT)
    standby.save_registry(b"registry")
    standby.save_accounts(b"accounts")
    standby.save_token("secret")
    assert standby.load_checkpoint() == CHECKPOINT
    assert standby.load_registry() == b"registry"
    assert standby.load_accounts() == b"accounts"
    assert standby.load_token() == "secret"


def test_before_anything_was_saved_there_is_nothing(standby: Standby) -> None:
    assert standby.load_checkpoint() is None
    assert standby.load_registry() is None
    assert standby.load_accounts() is None
    assert standby.load_token() is None


def test_the_newest_replaces_the_one_before(standby: Standby) -> None:
    standby.save_registry(b"old and longer")
    standby.save_registry(b"new")
    assert standby.load_registry() == b"new"


def test_only_its_owner_may_read_it(standby: Standby, tmp_path: Path) -> None:
    standby.save_accounts(b"password hashes")
    directory = tmp_path / "standby"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("length", [0, 1, 5, -1])
def test_a_torn_file_is_refused_wherever_it_was_torn(
    standby: Standby, tmp_path: Path, length: int
) -> None:
    standby.save_checkpoint(CHECKPOINT)
    file = tmp_path / "standby" / "checkpoint"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(StandbyDamaged, match="checkpoint"):
        standby.load_checkpoint()


def test_a_flipped_bit_is_refused(standby: Standby, tmp_path: Path) -> None:
    standby.save_registry(b"registry")
    file = tmp_path / "standby" / "registry"
    file.write_bytes(file.read_bytes().replace(b"registry", b"registrz"))
    with pytest.raises(StandbyDamaged, match="checksum"):
        standby.load_registry()


def test_a_file_that_cannot_be_read_is_refused_with_its_name(
    standby: Standby, tmp_path: Path
) -> None:
    (tmp_path / "standby" / "registry").mkdir()  # as root, who may read everything, too
    with pytest.raises(StandbyDamaged, match=r"standby/registry"):
        standby.load_registry()


def test_a_file_half_written_at_a_kill_leaves_the_old_one(standby: Standby, tmp_path: Path) -> None:
    standby.save_registry(b"old")
    (tmp_path / "standby" / "registry.part").write_bytes(b"half of the n")
    assert standby.load_registry() == b"old"
    standby.save_registry(b"new")
    assert standby.load_registry() == b"new"


def test_the_new_file_is_on_disk_under_its_name_when_saving_returns(
    standby: Standby, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is trimmed on its strength: a power cut must not bring the old name back."""
    path = tmp_path / "standby" / "registry"
    synced: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    standby.save_registry(b"registry")
    assert synced == [(False, False), (True, True)]


def test_a_newer_format_is_named_with_what_to_do(standby: Standby, tmp_path: Path) -> None:
    newer = {"format": FORMAT + 1, "crc32": 0, "data": b"of a shape we do not know"}
    (tmp_path / "standby" / "checkpoint").write_bytes(msgspec.msgpack.encode(newer))
    with pytest.raises(StandbyNewer, match=rf"format {FORMAT + 1}.*run the newer program"):
        standby.load_checkpoint()
