"""The copy beside the journal that lets the service start and judge without the database.

Files in one directory: the last checkpoint the database has confirmed, the registry, the accounts
and the token of this machine's command line. Each is replaced whole, so a kill leaves the old or the new one.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import msgspec
import structlog

from service.private_files import replace_private

FORMAT: Final = 1

log = structlog.get_logger(__name__)


class StandbyNewer(Exception):
    """The copy was written by a newer version of the program."""


class StandbyDamaged(Exception):
    """A file of the copy cannot be trusted; the database, when it is back, has the same."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A fold's checkpoint and the journal it belongs to."""

    journal_id: str
    position: int
    data: bytes


class _Sealed(msgspec.Struct, frozen=True):
    format: int
    crc32: int
    data: bytes


class Standby:
    """Files in `directory` (made with mode 0700: accounts hold password hashes).

    A file that cannot be written (the disk is full) is no reason to stop: the database has the
    same, and the copy is for the day when it does not answer.

    Attributes:
        faults: why a file could not be renewed, by its name; empty when all are as they should be.
    """

    def __init__(self, directory: Path) -> None:
        self.faults: dict[str, str] = {}
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def save_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Renew the copy; False when it could not be written."""
        self._save("checkpoint", msgspec.msgpack.encode(checkpoint))
        return "checkpoint" not in self.faults

    def load_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint the database confirmed; None when there is none.

        Raises:
            StandbyNewer, StandbyDamaged: it cannot be used.
        """
        data = self._load("checkpoint")
        return None if data is None else msgspec.msgpack.decode(data, type=Checkpoint)

    def save_registry(self, data: bytes) -> None:
        self._save("registry", data)

    def load_registry(self) -> bytes | None:
        return self._load("registry")

    def save_accounts(self, data: bytes) -> None:
        self._save("accounts", data)

    def load_accounts(self) -> bytes | None:
        return self._load("accounts")

    def save_token(self, secret: str) -> None:
        """The token of this machine's command line."""
        self._save("token", secret.encode())

    def load_token(self) -> str | None:
        data = self._load("token")
        return None if data is None else data.decode()

    def _save(self, name: str, data: bytes) -> None:
        try:
            self._write(name, data)
        except OSError as error:
            if name not in self.faults:
                log.error("standby.not_saved", file=name, reason=str(error))
            self.faults[name] = str(error)
        else:
            if self.faults.pop(name, None) is not None:
                log.info("standby.saved", file=name)

    def _write(self, name: str, data: bytes) -> None:
        sealed = msgspec.msgpack.encode(_Sealed(FORMAT, zlib.crc32(data), data))
        path = self._directory / name
        replace_private(path, sealed)

    def _load(self, name: str) -> bytes | None:
        """The file's content; None when there is none.

        Raises:
            StandbyNewer: a newer version wrote it.
            StandbyDamaged: it cannot be read, or its checksum does not fit.
        """
        try:
            raw = (self._directory / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StandbyDamaged(f"{self._directory / name}: {error.strerror}") from error
        try:
            sealed = msgspec.msgpack.decode(raw, type=_Sealed)
        except msgspec.DecodeError as error:
            raise StandbyDamaged(f"{self._directory / name}: {error}") from error
        if sealed.format > FORMAT:
            raise StandbyNewer(
                f"{self._directory / name} has format {sealed.format}, this program knows "
                f"{FORMAT}: run the newer program, or move the data directory away"
            )
        if zlib.crc32(sealed.data) != sealed.crc32:
            raise StandbyDamaged(f"{self._directory / name}: the checksum does not fit")
        return sealed.data
