"""How fast native JSON becomes columns: one core, no I/O.

    python benchmarks/bench_decode.py [--readings 20] [--seconds 2]

Prints one line per kind of message: readings a second (best, median and worst of the rounds), and
µs a message. A round decodes messages until a batch of 10,000 readings is built, as ingest does.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

from domain.readings import Quality, ReadingBatch
from domain.sequence import SequenceTracker
from domain.wire import BatchBuilder, OutgoingReading, SensorRef, decode, encode_message

BATCH = 10_000
NOW = 1_772_669_730_000_000
TAGS = {f"dc{k:03}.dp": SensorRef(k) for k in range(1000)} | {
    f"g{k:03}.valve": SensorRef(1000 + k, {"open": 1.0, "closed": 0.0}) for k in range(1000)
}


def reading(index: int, kind: str) -> OutgoingReading:
    tag, value = f"dc{index % 1000:03}.dp", 800 + index * 0.37
    match kind:
        case "own times":
            return OutgoingReading(tag, value, time=NOW - index * 1000)
        case "mixed":
            if index % 10 == 9:
                return OutgoingReading(f"g{index % 1000:03}.valve", "closed")
            quality = Quality.UNCERTAIN if index % 10 == 4 else Quality.GOOD
            return OutgoingReading(tag, value, quality=quality)
        case _:
            return OutgoingReading(tag, value)


def messages(kind: str, readings: int) -> list[bytes]:
    """As many different messages as make a batch."""
    return [
        encode_message(
            [reading(start + k, kind) for k in range(readings)],
            time=NOW,
            sent=NOW + 1_120_000,
            boot="b7",
            seq=start // readings + 1,
        )
        for start in range(0, BATCH, readings)
    ]


def decode_batch(payloads: list[bytes]) -> ReadingBatch:
    builder = BatchBuilder()
    for payload in payloads:
        decode(payload, TAGS, NOW, builder, 1, backfill=False)
    return builder.build()


def rounds(work: Callable[[], object], seconds: float) -> list[float]:
    """Seconds each round took."""
    work()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def report(name: str, taken: list[float], *, readings: int, messages: int) -> None:
    best, middle, worst = min(taken), statistics.median(taken), max(taken)
    print(
        f"{name:<22} {readings / best / 1e6:6.2f} {readings / middle / 1e6:6.2f} "
        f"{readings / worst / 1e6:6.2f} M readings/s {middle / messages * 1e6:8.2f} µs/message"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=20, help="readings a message")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds for each line")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {options.readings} a message")
    print(f"{'':<22} {'best':>6} {'median':>6} {'worst':>6}")
    for kind in ("plain", "own times", "mixed"):
        payloads = messages(kind, options.readings)
        assert len(decode_batch(payloads)) == BATCH
        taken = rounds(lambda payloads=payloads: decode_batch(payloads), options.seconds)  # type: ignore[misc]
        report(f"decode, {kind}", taken, readings=BATCH, messages=len(payloads))
    batch = decode_batch(messages("mixed", options.readings))
    stored = batch.to_bytes()
    count = len(batch.messages)
    for name, work in (
        ("batch to bytes", batch.to_bytes),
        ("batch from bytes", lambda: ReadingBatch.from_bytes(stored)),
        ("sequences applied", lambda: SequenceTracker().apply(batch.messages)),
    ):
        report(name, rounds(work, options.seconds), readings=BATCH, messages=count)


if __name__ == "__main__":
    main()
