"""Pictures of the alarm's life, drawn from the tables of `alerting.lifecycle` (Mermaid)."""

from __future__ import annotations

from alerting.lifecycle import ACTS, BASE, COVERS


def base_drawing() -> str:
    """What an alarm needs, and what moves it."""
    lines = ["stateDiagram-v2", "    [*] --> normal"]
    for state, moves in BASE.items():
        events_to: dict[str, list[str]] = {}
        for event, target in moves.items():
            events_to.setdefault(target, []).append(event)
        lines += [f"    {state} --> {to}: {', '.join(events)}" for to, events in events_to.items()]
    return "\n".join(lines)


def cover_drawing() -> str:
    """The covers that may lie over it, uppermost first, and the state people see."""
    laid = {"out_of_service": "out_of_service", "suppressed": "suppress", "shelved": "shelve"}
    lifted = {
        "out_of_service": "in_service",
        "suppressed": "unsuppress",
        "shelved": "unshelve, shelf_expired, shelf_broken",
    }
    lines = ["stateDiagram-v2", "    state base {", "        needs: what the alarm needs", "    }"]
    for cover in COVERS:
        lines.append(f"    base --> {cover}: {laid[cover]}")
        lines.append(f"    {cover} --> base: {lifted[cover]}")
    return "\n".join(lines)


def acts_table() -> str:
    """Which act is legal in which state people see, as a Markdown table."""
    states = [*(state for state in BASE if state != "normal"), *reversed(COVERS)]
    lines = ["| state | " + " | ".join(ACTS) + " |", "|---" * (len(ACTS) + 1) + "|"]
    for state in states:
        marks = ["yes" if state in allowed else "" for allowed in ACTS.values()]
        lines.append(f"| {state} | " + " | ".join(marks) + " |")
    return "\n".join(lines)
