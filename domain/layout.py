"""Bytes of a batch of readings, as the journal keeps them.

A header (magic, version, counts), then the columns end to end, little-endian, widest first so
that most are aligned, then the boot strings. Reading copies nothing: the columns are read-only
views on the payload. Whether the numbers make sense is for `domain.readings` to check.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MAGIC: Final = b"VRB\x00"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sHHIIQ")
"""Magic, version, zero, readings, messages, length of the boot strings."""

# Column, type, and whether it has one value per message (else one per reading).
_COLUMNS: Final = (
    ("received", np.dtype("<i8"), True),
    ("sent", np.dtype("<i8"), True),
    ("sequence", np.dtype("<i8"), True),
    ("time", np.dtype("<i8"), False),
    ("value", np.dtype("<f8"), False),
    ("gateway", np.dtype("<i4"), True),
    ("boot", np.dtype("<i4"), True),
    ("message", np.dtype("<i4"), False),
    ("sensor", np.dtype("<i4"), False),
    ("reason", np.dtype("<u2"), False),
    ("quality", np.dtype("u1"), False),
    ("backfill", np.dtype("u1"), True),
)
_MESSAGE_BYTES: Final = sum(dtype.itemsize for _, dtype, each in _COLUMNS if each)
_READING_BYTES: Final = sum(dtype.itemsize for _, dtype, each in _COLUMNS if not each)


def pack(
    columns: Mapping[str, NDArray[Any]], boots: Sequence[str], *, readings: int, messages: int
) -> bytes:
    """Lay out the named columns of `readings` readings in `messages` messages."""
    texts = msgspec.msgpack.encode(boots)
    parts = [_HEADER.pack(MAGIC, VERSION, 0, readings, messages, len(texts))]
    parts += [columns[name].astype(dtype, copy=False).tobytes() for name, dtype, _ in _COLUMNS]
    parts.append(texts)
    return b"".join(parts)


def unpack(payload: bytes) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Columns by name, and the boot strings.

    Raises:
        ValueError: these are not the bytes of a batch, or of a version this program knows.
    """
    if len(payload) < _HEADER.size:
        raise ValueError(f"a batch has at least {_HEADER.size} bytes; got {len(payload)}")
    magic, version, _, readings, messages, text_bytes = _HEADER.unpack_from(payload)
    if magic != MAGIC:
        raise ValueError(f"not a batch of readings: begins with {magic!r}")
    if version != VERSION:
        raise ValueError(f"batch of version {version}; this program reads version {VERSION}")
    expected = _HEADER.size + readings * _READING_BYTES + messages * _MESSAGE_BYTES + text_bytes
    if len(payload) != expected:
        raise ValueError(f"batch of {len(payload)} bytes; its header announces {expected}")
    columns: dict[str, NDArray[Any]] = {}
    offset = _HEADER.size
    for name, dtype, each_message in _COLUMNS:
        count = messages if each_message else readings
        columns[name] = np.frombuffer(payload, dtype, count, offset)
        offset += count * dtype.itemsize
    try:
        boots = msgspec.msgpack.decode(payload[offset:], type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"boot strings of a batch: {error}") from error
    return columns, boots
