"""Seeded dice: one stream of chance for each purpose, so that a run can be repeated exactly."""

from __future__ import annotations

from random import Random


def dice(*purpose: object) -> Random:
    """A generator that depends on its purpose alone: seed, what for, which round..."""
    return Random("/".join(map(str, purpose)))  # noqa: S311 - a simulation keeps no secrets
