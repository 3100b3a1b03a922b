"""Gateways' passwords as hashes, in the two forms the brokers read.

Passwords are made by machine with at least 128 random bits, so a cheap hash is safe: it only has
to keep a reader of the file from the password. A costly one would make ten thousand gateways
that reconnect at once wait for minutes (bcrypt at cost 11 takes 0.1 s a login).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final

import bcrypt

_BCRYPT_COST: Final = 4
_PBKDF2_ITERATIONS: Final = 1000


def new_password() -> str:
    """A password of 144 random bits, in letters that need no escaping anywhere."""
    return secrets.token_urlsafe(18)


def bcrypt_hash(password: str) -> str:
    """The form nats-server reads (`$2a$`)."""
    salt = bcrypt.gensalt(rounds=_BCRYPT_COST, prefix=b"2a")
    return bcrypt.hashpw(password.encode(), salt).decode()


def pbkdf2_hash(password: str) -> str:
    """The form mosquitto reads (`$7$`: PBKDF2 with SHA-512)."""
    salt = secrets.token_bytes(12)
    digest = _pbkdf2(password, salt, _PBKDF2_ITERATIONS)
    return "$".join(
        ("", "7", str(_PBKDF2_ITERATIONS), _base64(salt), _base64(digest)),
    )


def _pbkdf2(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
