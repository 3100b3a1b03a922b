"""Secrets of sessions and machines: 256 random bits outside, their hash inside."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """A token to hand out once."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token; plain SHA-256, since a token cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
