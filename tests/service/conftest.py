"""The store's real PostgreSQL, for tests of what stands on it."""

from __future__ import annotations

from tests.store.conftest import scene, server

__all__ = ["scene", "server"]
