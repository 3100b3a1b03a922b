"""Stored alarms: filters, pages, timelines, resuming, and never beyond the caller's scope."""

from __future__ import annotations

import pytest

from alerting.alarms import Alarm
from store.alarms import (
    AlarmFilter,
    events_after,
    get_alarm,
    list_alarms,
    oldest_event,
    place_of,
    timeline,
)
from store.database import Database
from store.quality import data_quality
from store.quarantine import Quarantined, add_quarantined, list_quarantined
from store.rollups import roll
from store.scope import ALL, Scope
from store.statistics import alarm_counts, alarms_raised
from store.writer import commit
from tests.store.conftest import Play
from tests.store.stretches import START, T0, alarm, readings, stretch, transition

HOUR = 3_600_000_000
MILL = Scope(enterprises=frozenset({"mill"}))
FORGE_SITE = Scope(sites=frozenset({"forge-1"}))
STRANGER = Scope(enterprises=frozenset({"other"}))


async def two_enterprises(database: Database) -> None:
    """Gateway 1 with sensor 1 at the mill, gateway 2 with sensor 2 at the forge."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO regions VALUES ('c', 'c', 'county');"
            "INSERT INTO enterprises VALUES ('mill', 'm', 'c', 'x'), ('forge', 'f', 'c', 'x'),"
            " ('other', 'o', 'c', 'x');"
            "INSERT INTO sites VALUES ('mill-1', 's', 'mill', 'x'), ('forge-1', 's', 'forge', 'x');"
            "INSERT INTO gateways (id, site, name, codec, silence_s)"
            " VALUES ('gm', 'mill-1', '', 'n', 9), ('gf', 'forge-1', '', 'n', 9);"
            "INSERT INTO sensors (measurand, name, unit, period_s)"
            " VALUES ('GAS_LEL', '', '', 1), ('GAS_CO', '', '', 1);"
            "INSERT INTO sensor_bindings VALUES (1, now(), 1, 't'), (2, now(), 2, 't')"
        )


async def six_alarms(database: Database) -> list[Alarm]:
    """Alternating mill and forge, an hour apart, the oldest first; the first two are closed."""
    await two_enterprises(database)
    made: list[Alarm] = []
    for i in range(6):
        key = f"{START + i}.0"
        side = i % 2 + 1
        state = [
            "normal",
            "normal",
            "acknowledged",
            "returned_unacknowledged",
            "unacknowledged",
            "shelved",
        ][i]
        made.append(
            alarm(
                key, i, gateway=side, sensor=side, state=state, raised_at=T0 + i * HOUR,
                level={4: None, 5: "H"}.get(i, "HH"), priority=3 if i == 5 else 2, family=["high", "high", "high", "high", "low", "stale"][i],
                kind="range" if i == 4 else "limit",
            )
        )  # fmt: skip
        changes = [
            (START + i, 0, transition(key, gateway=side, sensor=side)),
            (START + i, 1, transition(None, gateway=side, sensor=side)),
            (START + i, 2, transition(key, gateway=side, sensor=side, event="comment")),
        ]
        await commit(database, stretch(i, transitions=changes, alarms=[made[-1]]))
    return made


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AlarmFilter(), [5, 4, 3, 2, 1, 0]),
        (AlarmFilter(state="open"), [5, 4, 3, 2]),
        (AlarmFilter(state="unacknowledged"), [4, 3]),
        (AlarmFilter(state="closed"), [1, 0]),
        (AlarmFilter(level="H"), [5]),
        (AlarmFilter(level="none"), [4]),
        (AlarmFilter(kind="range"), [4]),
        (AlarmFilter(priority=3), [5]),
        (AlarmFilter(enterprise="mill"), [4, 2, 0]),
        (AlarmFilter(site="forge-1"), [5, 3, 1]),
        (AlarmFilter(gateway=2, state="closed"), [1]),
        (AlarmFilter(sensor=1), [4, 2, 0]),
        (AlarmFilter(since=T0 + HOUR, until=T0 + 3 * HOUR), [2, 1]),
    ],
)
def test_lists_are_filtered_and_the_newest_comes_first(
    opened: Play, wanted: AlarmFilter, found: list[int]
) -> None:
    async def act(database: Database) -> None:
        made = await six_alarms(database)
        assert await list_alarms(database, ALL, wanted) == [made[i] for i in found]

    opened(act)


def test_pages_join_without_gap_or_repeat(opened: Play) -> None:
    async def act(database: Database) -> None:
        made = await six_alarms(database)
        seen: list[Alarm] = []
        after = None
        while page := await list_alarms(database, ALL, AlarmFilter(), after=after, limit=2):
            seen += page
            after = place_of(page[-1])
        assert seen == made[::-1]

    opened(act)


def test_nobody_sees_beyond_his_scope(opened: Play) -> None:
    async def act(database: Database) -> None:
        made = await six_alarms(database)
        mill, forge = made[4], made[5]
        for scope, items in (
            (MILL, made[4::-2]),
            (FORGE_SITE, made[5::-2]),
            (STRANGER, []),
            (Scope(), []),
        ):
            assert await list_alarms(database, scope, AlarmFilter()) == items
        assert await get_alarm(database, MILL, mill.id) == mill
        assert await get_alarm(database, MILL, forge.id) is None
        assert len(await timeline(database, FORGE_SITE, forge.id)) == 2
        assert await timeline(database, FORGE_SITE, mill.id) == []
        assert len(await events_after(database, MILL, (0, 0))) == 6
        assert await events_after(database, STRANGER, (0, 0)) == []
        raised = await alarms_raised(database, MILL, now=T0 + 6 * HOUR, day_start=T0)
        assert (raised.today, sum(raised.by_hour)) == (3, 3)
        assert [
            c.alarms for c in await alarm_counts(database, FORGE_SITE, since=0, until=2 * T0)
        ] == [2, 1]

    opened(act)


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "1",
        "1.2.3",
        "x.y",
        "-1.0",
        "1." + "9" * 60,
        "1.2147483648",
        "9223372036854775808.0",
        "\u0661.0",
        "01.0",
        f"{START}.5",
    ],
)
def test_an_unknown_alarm_is_nobodys(opened: Play, id_: str) -> None:
    async def act(database: Database) -> None:
        assert await get_alarm(database, ALL, id_) is None

    opened(act)


def test_a_timeline_is_everything_of_one_alarm_in_order(opened: Play) -> None:
    async def act(database: Database) -> None:
        made = await six_alarms(database)
        events = await timeline(database, ALL, made[3].id)
        assert [event.id for event in events] == [f"{START + 3}.0", f"{START + 3}.2"]
        assert events[1].transition == transition(made[3].id, gateway=2, sensor=2, event="comment")

    opened(act)


def test_events_resume_exactly_behind_an_id(opened: Play) -> None:
    async def act(database: Database) -> None:
        assert await oldest_event(database) is None
        made = await six_alarms(database)
        events = await events_after(database, ALL, (START + 4, 0))
        assert [event.id for event in events] == [
            f"{START + 4}.2",
            f"{START + 5}.0",
            f"{START + 5}.2",
        ]
        assert [event.alarm for event in events] == [made[4], made[5], made[5]]
        assert len(await events_after(database, ALL, (0, 0), limit=3)) == 3
        assert await oldest_event(database) == (START, 0)

    opened(act)


def test_alarms_of_the_last_day_are_counted_by_hour(opened: Play) -> None:
    async def act(database: Database) -> None:
        await six_alarms(database)
        now = T0 + 5 * HOUR + HOUR // 2
        raised = await alarms_raised(database, ALL, now=now, day_start=T0 + 4 * HOUR)
        assert raised.today == 2
        assert raised.by_hour == [0] * 18 + [1] * 6
        counts = await alarm_counts(database, ALL, since=T0, until=now)
        assert [(c.kind, c.level, c.alarms, c.unacknowledged) for c in counts] == [
            ("limit", "HH", 4, 1), ("limit", "H", 1, 0), ("range", None, 1, 1),
        ]  # fmt: skip

    opened(act)


def test_data_quality_is_the_hours_rolled_up_within_scope(opened: Play) -> None:
    async def act(database: Database) -> None:
        await two_enterprises(database)
        await commit(database, stretch(0, readings((1, 0, 1.0), (1, 1, 1.0), (2, 0, 1.0))))
        async with database.connection() as connection:
            await connection.execute(
                "UPDATE spine SET received_through = received_through + INTERVAL '3 hours'"
            )
        await roll(database, now=T0 + 4 * HOUR)
        [mill] = await data_quality(database, MILL, since=T0 - HOUR, until=T0 + HOUR)
        assert (mill.sensor, mill.readings, mill.usable, mill.good) == (1, 2, 2, 0)
        assert len(await data_quality(database, ALL, since=T0 - HOUR, until=T0 + HOUR)) == 2

    opened(act)


def test_quarantine_shows_a_gateway_its_own_newest_first(opened: Play) -> None:
    async def act(database: Database) -> None:
        await two_enterprises(database)
        rows = [
            Quarantined(
                T0 + i, gateway, "vedette/v1/x/telemetry", "readings[0].v", f"r{i}\x00", b"x" * 9000
            )
            for i, gateway in enumerate(["gm", "gf", "gm", "unknown"])
        ]
        await add_quarantined(database, rows)
        found = await list_quarantined(database, MILL, "gm")
        assert [row.at for row in found] == [T0 + 2, T0]
        assert len(found[0].payload) == 4096
        assert found[0].reason == "r2\ufffd"
        assert await list_quarantined(database, MILL, "gf") == []
        assert await list_quarantined(database, MILL, "unknown") == []
        assert len(await list_quarantined(database, ALL, "unknown")) == 1

    opened(act)
