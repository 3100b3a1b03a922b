"""What `vedette doctor` sees of the database: its version, clock and schema, and what is kept in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from service.clock import now_us
from service.findings import Finding, State
from service.forgetting import clock_refused_s
from store.database import Database, DatabaseUnavailable
from store.migrate import MigrationChanged, SchemaNewer, pending
from store.retention import Keep
from store.status import server_status

CLOCK_SLACK_US: Final = 2_000_000
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


async def examine_database(url: str, keep: Keep) -> AsyncIterator[Finding]:
    database = await Database.connect(url, max_connections=1)
    try:
        asked = now_us()
        status = await server_status(database)
        answered = now_us()
        yield Finding("database_reached", "ok", {"version": status.version})
        yield Finding(
            "timescale" if status.timescale else "plain_postgresql",
            "ok",
            {"version": status.timescale, "licence": status.timescale_licence},
        )
        if _is_here(url):
            yield Finding("database_clock_ours", "ok")
        else:
            skew = status.now - (asked + answered) // 2
            code: State = "ok" if abs(skew) <= CLOCK_SLACK_US else "warn"
            yield Finding(f"database_clock_{code}", code, {"seconds": round(skew / 1e6, 1)})
        missing = await pending(database)
        if missing:
            yield Finding("schema_old", "warn", {"count": len(missing)})
        else:
            yield Finding("schema_current", "ok")
            yield await _retention(database, keep)
    except DatabaseUnavailable as error:
        yield Finding("database_unavailable", "fail", {"reason": str(error)})
    except (SchemaNewer, MigrationChanged) as error:
        yield Finding("schema_foreign", "fail", {"reason": str(error)})
    finally:
        await database.close()


async def _retention(database: Database, keep: Keep) -> Finding:
    """Whether forgetting would go by this machine's clock."""
    ahead_s = await clock_refused_s(database, keep, now=now_us())
    if ahead_s is None:
        return Finding("retention_believes", "ok")
    return Finding("retention_disbelieves", "warn", {"days": round(ahead_s / 86_400, 1)})


def _is_here(database_url: str) -> bool:
    """Whether the server is reached by a socket file or over loopback."""
    parts = urlsplit(database_url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    return host in LOOPBACK or host.startswith("/") or not host
