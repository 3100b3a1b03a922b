"""The fold: configuration and state, moved on by one journal entry after another.

The live service, recovery after a crash, the storer that catches up and a backtest all run this
one loop. A `Fold` writes its state in place; what it hands out is copied on the next write, so a
state, a snapshot or a checkpoint taken earlier stays as it was.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from alerting.alarms import Act
from alerting.carrying import carry_over
from alerting.configuration import Configuration, ProgramChange
from alerting.engine import advance, advance_act, advance_tick
from alerting.outcome import Outcome
from alerting.program import Program, compile_program
from alerting.state import Draft, State, initial_state
from domain.entries import Entry, EntryKind, Tick
from domain.readings import ReadingBatch
from domain.sequence import SequenceTracker

FORMAT: Final = 1
FAST: Final = 1
"""zlib level."""


class _Checkpoint(msgspec.Struct, frozen=True):
    """Configuration and state are compressed: most columns hardly vary."""

    position: int
    configuration: bytes
    state: bytes
    sequences: bytes


class _Packed:
    """A configuration's bytes, compressed once and shared by a fold and all its snapshots."""

    __slots__ = ("_bytes", "_configuration")

    def __init__(self, configuration: Configuration, packed: bytes | None = None) -> None:
        self._configuration = configuration
        self._bytes = packed

    def bytes(self) -> bytes:
        if self._bytes is None:
            self._bytes = zlib.compress(self._configuration.to_bytes(), FAST)
        return self._bytes


@dataclass(frozen=True, slots=True, eq=False)
class FoldState:
    """Everything a fold is, as a value. Cheap to take and to keep: columns are shared."""

    program: Program
    state: State
    position: int
    sequences: SequenceTracker
    """Nobody's to change; `Fold.from_snapshot` takes a copy."""
    packed: _Packed


class Fold:
    """Folds journal entries. Use from one thread.

    Attributes:
        program: compiled from the configuration in force.
        position: of the last entry applied; 0 before any.
        sequences: which messages of each gateway are settled (receipts, gaps).
    """

    __slots__ = ("_draft", "_packed", "position", "program", "sequences")

    def __init__(
        self,
        configuration: Configuration,
        state: State | None = None,
        *,
        position: int = 0,
        sequences: SequenceTracker | None = None,
        program: Program | None = None,
        packed: _Packed | None = None,
    ) -> None:
        """`state` belongs to this configuration; None starts with nothing read.

        `program` and `packed` spare work that was done for this configuration before.

        Raises:
            ValueError: the configuration cannot be compiled.
        """
        self.program = compile_program(configuration) if program is None else program
        self._draft = Draft(initial_state(self.program) if state is None else state)
        self.position = position
        self.sequences = SequenceTracker() if sequences is None else sequences
        self._packed = _Packed(configuration) if packed is None else packed

    @classmethod
    def empty(cls) -> Fold:
        """Before the first entry of the first journal: nothing is configured."""
        return cls(Configuration())

    @property
    def configuration(self) -> Configuration:
        return self.program.configuration

    @property
    def state(self) -> State:
        """The state as it is now. Taking it costs one copy of what the next entry writes."""
        return self._draft.freeze()

    def apply(self, position: int, entry: Entry) -> Outcome:
        """Move on by one entry; returns what changed.

        Raises:
            ValueError: the entry is not later than the last one, or its payload is damaged, or
                it is a program that cannot be compiled. The fold is unchanged.
        """
        if position <= self.position:
            raise ValueError(f"entry {position} is not after {self.position}")
        try:
            outcome = self._apply(position, entry)
        except msgspec.DecodeError as error:
            raise ValueError(f"entry {position} is damaged: {error}") from error
        self.position = position
        return outcome

    def _apply(self, position: int, entry: Entry) -> Outcome:
        if entry.kind is EntryKind.BATCH:
            batch = ReadingBatch.from_bytes(entry.payload)
            outcome = advance(self.program, self._draft, batch, position)
            self.sequences.apply(batch.messages)
            return outcome
        if entry.kind is EntryKind.TICK:
            tick = Tick.from_bytes(entry.payload)
            return advance_tick(self.program, self._draft, tick, position)
        if entry.kind is EntryKind.ACT:
            return advance_act(self.program, self._draft, Act.from_bytes(entry.payload), position)
        change = ProgramChange.from_bytes(entry.payload)
        program = compile_program(change.applied_to(self.configuration))
        state, outcome = carry_over(
            self.program, program, self._draft.freeze(), at=change.at, position=position
        )
        self.program, self._draft = program, Draft(state)
        self._packed = _Packed(program.configuration)
        return outcome

    def snapshot(self) -> FoldState:
        return FoldState(
            self.program, self.state, self.position, self.sequences.copy(), self._packed
        )

    @classmethod
    def from_snapshot(cls, snapshot: FoldState) -> Fold:
        """A fold of its own that goes on from a snapshot."""
        return cls(
            snapshot.program.configuration,
            snapshot.state,
            position=snapshot.position,
            sequences=snapshot.sequences.copy(),
            program=snapshot.program,
            packed=snapshot.packed,
        )

    def checkpoint(self) -> bytes:
        """Everything needed to go on, with a format version and a checksum."""
        saved = msgspec.msgpack.encode(
            _Checkpoint(
                position=self.position,
                configuration=self._packed.bytes(),
                state=zlib.compress(self.state.to_bytes(), FAST),
                sequences=self.sequences.to_bytes(),
            )
        )
        head = FORMAT.to_bytes(2, "big") + zlib.crc32(saved).to_bytes(4, "big")
        return head + saved

    @classmethod
    def restore(cls, payload: bytes) -> Fold:
        """The fold that `checkpoint` saved.

        Raises:
            ValueError: damaged, or written by a newer version.
        """
        version = int.from_bytes(payload[:2], "big")
        if len(payload) < 6 or zlib.crc32(payload[6:]) != int.from_bytes(payload[2:6], "big"):
            raise ValueError("checkpoint is damaged: its checksum does not fit")
        if version != FORMAT:
            raise ValueError(f"checkpoint has format {version}, this program knows {FORMAT}")
        saved = msgspec.msgpack.decode(payload[6:], type=_Checkpoint)
        configuration = Configuration.from_bytes(zlib.decompress(saved.configuration))
        program = compile_program(configuration)
        return cls(
            configuration,
            State.from_bytes(zlib.decompress(saved.state), program),
            position=saved.position,
            sequences=SequenceTracker.from_bytes(saved.sequences),
            program=program,
            packed=_Packed(configuration, saved.configuration),
        )
