"""Whether a screen that comes back may go on from the event it saw last.

Not when its user's sight has changed meanwhile (`api.sight`): nothing that happened to an alarm says
that it went to another owner, or came from one. Known of this process's time only: who was away
across a restart and a move goes on, and is right again with the next snapshot he takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.accounts import Directory
from api.ports import Live
from api.recent import Recent
from api.sight import Sight, Sights
from store.accounts import User
from store.registry import Registry

EventId = tuple[int, int]
"""(position, ordinal)"""
NONE: Final[EventId] = (0, 0)
LAST_ORDINAL: Final = 1 << 31


class Absences:
    """Remembers of each user with which event the newest change of his sight came."""

    def __init__(self, live: Live, accounts: Directory, recent: Recent) -> None:
        self._live = live
        self._accounts = accounts
        self._recent = recent
        self._sights = Sights(live)
        self._seen: dict[str, Sight] = {}
        self._changed_at: dict[str, EventId] = {}
        self._registry: Registry | None = None
        self._users: Mapping[str, User] | None = None

    def look(self) -> None:
        """Notice whose sight has changed; nothing to do while registry and accounts stand."""
        registry, users = self._live.registry, self._accounts.users
        if registry is self._registry and users is self._users:
            return
        self._registry, self._users = registry, users
        for user in users.values():
            now = self._sights.of(registry.scope_of(user.scope_kind, user.scope_id))
            before = self._seen.get(user.name)
            if before is not None and self._sights.must_start_over(before, now):
                # Whatever any screen has seen was heard of here, or is stored.
                stored = self._live.stored_position, LAST_ORDINAL
                self._changed_at[user.name] = max(self._recent.newest_id, stored)
            self._seen[user.name] = now

    def may_go_on(self, user: str, after: EventId) -> bool:
        """Whether the events behind an id are all that this user's screen lacks."""
        self.look()
        return after > self._changed_at.get(user, NONE)
