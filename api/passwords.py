"""Passwords of people: argon2id, a few at a time, in a thread, never in the event loop.

64 MiB a verification (RFC 9106's second choice, argon2-cffi's default): two at a time bound what
a flood of sign-ins can take of memory and of the cores that judge readings. So many more wait for
their turn; whoever comes then is told to come back, rather than waiting behind all of them.
"""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 8
"""Characters of a new password."""
AT_ONCE: Final = 2
WAITING: Final = 40
"""Verifications that may wait: about two seconds of them, more people than a shift has."""

_hasher: Final = PasswordHasher()


def hash_password(password: str) -> str:
    """The hash to keep. Blocks for about 50 ms: not for the event loop."""
    return _hasher.hash(password)


class PasswordCheck:
    """Verifies passwords, at most `AT_ONCE` at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._stranger = hash_password("nobody's password")
        self._taken = 0

    @property
    def full(self) -> bool:
        """Whether so many wait that the next had better come back later."""
        return self._taken >= AT_ONCE + WAITING

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password fits the hash; an unknown user (None) takes as long as a known.

        Ask `full` first: it is the caller who can say so.
        """
        self._taken += 1
        try:
            async with self._turns:
                fits = await asyncio.to_thread(_fits, kept or self._stranger, password)
        finally:
            self._taken -= 1
        return fits and kept is not None


def _fits(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
