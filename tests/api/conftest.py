"""The database server of the store's tests, and fresh small houses on it."""

from __future__ import annotations

from tests.api.visits import visit, visit_behind_a_proxy, visit_without_database
from tests.store.conftest import server

__all__ = ["server", "visit", "visit_behind_a_proxy", "visit_without_database"]
