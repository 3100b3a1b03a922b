"""What `--scope` of an account means."""

from __future__ import annotations

from collections.abc import Mapping

from service.commands.base import fail
from store.registry import Registry, ScopeKind


def scope_of(registry: Registry, node: str | None) -> tuple[ScopeKind, str | None]:
    """The kind and id of `ID` or `KIND:ID`; an id that two kinds share is not guessed at."""
    if node is None:
        return "all", None
    places: dict[ScopeKind, Mapping[str, object]] = {
        "region": registry.regions,
        "enterprise": registry.enterprises,
        "site": registry.sites,
    }
    wanted, _, id_ = node.rpartition(":")
    kinds = [kind for kind, known in places.items() if id_ in known and wanted in {"", kind}]
    if not kinds:
        fail(
            f"--scope {node}: there is no region, enterprise or site of this id; give ID, or "
            "region:ID, enterprise:ID or site:ID",
            code=2,
        )
    if len(kinds) > 1:
        ways = ", ".join(f"{kind}:{id_}" for kind in kinds)
        fail(f"--scope {node}: more than one has this id; choose from {ways}", code=2)
    return kinds[0], id_
