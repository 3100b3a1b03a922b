"""Alarm events older than the feed remembers, from the database."""

from __future__ import annotations

from typing import Final

from api.ports import Event
from domain.readings import Position
from service.feed import History, Key
from store.alarms import events_after, oldest_event
from store.database import Database, DatabaseUnavailable, refusals
from store.holes import lies_in_hole
from store.scope import ALL

PAGE: Final = 500
MOST: Final = 20_000
"""A screen that missed more than this takes a new snapshot instead."""


def history_of(database: Database) -> History:
    """How the feed asks the database; scope is applied where the events leave, in the API."""

    async def between(after: Key, before: Key | None) -> list[Event] | None:
        try:
            with refusals():
                oldest = await oldest_event(database)
                if oldest is not None and after < oldest and after[0] < oldest[0]:
                    return None
                if await lies_in_hole(database, after[0]):
                    return None
                return await _collect(database, after, before)
        except DatabaseUnavailable:
            return None

    return between


async def _collect(database: Database, after: Key, before: Key | None) -> list[Event] | None:
    events: list[Event] = []
    while len(events) < MOST:
        page = await events_after(database, ALL, after, limit=PAGE)
        for stored in page:
            after = (stored.position, stored.ordinal)
            if before is not None and after >= before:
                return events
            if stored.alarm is not None:
                position = Position(stored.position)
                events.append(
                    Event(position, stored.ordinal, stored.transition, stored.alarm, stored=True)
                )
        if len(page) < PAGE:
            return events
    return None
