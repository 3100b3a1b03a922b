"""Passwords of people: argon2id, a few at a time, in a thread, never in the event loop.

64 MiB a verification (RFC 9106's second choice, argon2-cffi's default): two at a time bound what
a flood of sign-ins can take of memory and of the cores that judge readings.
"""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 8
"""Characters of a new password."""

_hasher: Final = PasswordHasher()
_stranger: Final = _hasher.hash("nobody's password")


def hash_password(password: str) -> str:
    """The hash to keep. Blocks for about 50 ms: not for the event loop."""
    return _hasher.hash(password)


class PasswordCheck:
    """Verifies passwords, at most two at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(2)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password fits the hash; an unknown user (None) takes as long as a known."""
        async with self._turns:
            fits = await asyncio.to_thread(_fits, kept or _stranger, password)
        return fits and kept is not None


def _fits(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
