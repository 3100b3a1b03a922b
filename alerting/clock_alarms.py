"""A wrong clock is an alarm of its gateway: raised at once, cleared by a steady right clock."""

from __future__ import annotations

from typing import Final

from alerting.arrival import FUTURE_US
from alerting.clocks import TOLERANCE_US
from alerting.conditions import NEVER
from alerting.judgement import Cause, Judgement, Trouble, seconds
from alerting.lifecycle import NO_COVER
from domain.readings import Reason

PRIORITY: Final = 3
CALM_US: Final = 60_000_000
"""Nothing from the future for this long before the alarm may clear."""


def _trouble(work: Judgement, row: int, limit_us: int) -> Trouble:
    gateway = int(work.program.gateway[row])
    limit = seconds(limit_us)
    return Trouble(None, gateway, "clock", "mismatch", priority=PRIORITY, limit=limit)


def judge_clock(work: Judgement, row: int, offset: int, received: int) -> None:
    """Judge a steady clock offset of one gateway."""
    gateways = work.draft.gateways
    wrong, was_wrong = abs(offset) > TOLERANCE_US, bool(gateways.wrong[row])
    future = int(gateways.future[row])
    if wrong == was_wrong or (was_wrong and future != NEVER and received - future < CALM_US):
        return
    work.draft.own_gateways().wrong[row] = wrong
    cause = Cause(received, received, seconds(offset))
    trouble = _trouble(work, row, TOLERANCE_US)
    if wrong:
        work.silence(trouble, "normal", "active", cause)
        work.activate(trouble, NO_COVER, cause)
    else:
        work.silence(trouble, "active", "normal", cause)
        work.release(None, trouble.gateway, "clock", NO_COVER, cause)


def note_future(work: Judgement, row: int, age: int, received: int) -> None:
    """A reading came from the future: its gateway's clock is wrong, whatever the offset."""
    cause = Cause(received, received, seconds(age), int(Reason.FUTURE))
    _note(work, row, _trouble(work, row, -FUTURE_US), cause)


def note_ahead(work: Judgement, row: int, lead: int, received: int) -> None:
    """A message was sent in the future. Its readings are judged by that clock; it rings at once."""
    _note(work, row, _trouble(work, row, TOLERANCE_US), Cause(received, received, seconds(-lead)))


def _note(work: Judgement, row: int, trouble: Trouble, cause: Cause) -> None:
    gateways = work.draft.own_gateways()
    gateways.future[row] = cause.decided
    if not gateways.wrong[row]:
        gateways.wrong[row] = True
        work.silence(trouble, "normal", "active", cause)
        work.activate(trouble, NO_COVER, cause)
