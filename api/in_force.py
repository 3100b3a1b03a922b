"""Makes a kept change of the registry live; says the truth when that has to wait.

When the database has a change, it is done: it is noticed and judged by as soon as the journal and
the database let it. Whoever made something gets his answer, with a password that is shown only
once; whoever changed something is told that it is kept and that the old still holds.
"""

from __future__ import annotations

import logging
from typing import Final

from api.edge import Ask
from api.problems import Problem
from store.database import DatabaseUnavailable, refusals
from store.journal import JournalUnavailable

log: Final = logging.getLogger(__name__)
RETRY_S: Final = 5


async def enforce(ask: Ask) -> None:
    """Make a change live; it is when this returns.

    Raises:
        Problem: it is kept, and will take effect later (503).
    """
    try:
        with refusals():
            await ask.live.registry_changed()
    except (DatabaseUnavailable, JournalUnavailable) as error:
        raise Problem("kept_not_in_force", retry_after=RETRY_S, reason=error) from error


async def enforce_soon(ask: Ask) -> None:
    """Make something new live, now if it can be."""
    try:
        with refusals():
            await ask.live.registry_changed()
    except (DatabaseUnavailable, JournalUnavailable) as error:
        log.warning("what was added takes effect later: %s", error)
