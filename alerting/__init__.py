"""The judge: limits, time, silence, the life of alarms. Pure: no clock, no I/O, no settings.

    program = compile_program(configuration)
    state = initial_state(program)
    state, outcome = step(program, state, batch, position=1)

`Fold` is that loop over journal entries; docs/judging.md says what is judged and why.
"""

from alerting.alarms import Act, Alarm, AlarmState, Refusal, Transition, Verb
from alerting.carrying import carry_over
from alerting.configuration import Configuration, ProgramChange, Timing
from alerting.engine import act, step, tick
from alerting.explanations import explain
from alerting.limits import GatewaySpec, Level, Limit, SensorSpec
from alerting.outcome import NOTHING, Outcome, Verdict
from alerting.program import Program, compile_program
from alerting.replay import Fold, FoldState
from alerting.state import State, initial_state

__all__ = [
    "NOTHING",
    "Act",
    "Alarm",
    "AlarmState",
    "Configuration",
    "Fold",
    "FoldState",
    "GatewaySpec",
    "Level",
    "Limit",
    "Outcome",
    "Program",
    "ProgramChange",
    "Refusal",
    "SensorSpec",
    "State",
    "Timing",
    "Transition",
    "Verb",
    "Verdict",
    "act",
    "carry_over",
    "compile_program",
    "explain",
    "initial_state",
    "step",
    "tick",
]
