"""What gateways and we say to each other, one format a file, one vocabulary out.

`decode` reads the native JSON message into columns; `encode_message` writes one. The answers are
receipts and rejections.
"""

from domain.building import BatchBuilder
from domain.wire.answers import decode_status, encode_receipt, encode_rejected, encode_status
from domain.wire.encoding import OutgoingReading, encode_message
from domain.wire.message import MAX_BYTES, peek_sequence
from domain.wire.native import decode
from domain.wire.plain import MessageHead
from domain.wire.rejections import MAX_ERRORS, TEXTS, Cause, MalformedMessage, Rejection
from domain.wire.vocabulary import QUALITY_LETTERS, SensorRef

__all__ = [
    "MAX_BYTES",
    "MAX_ERRORS",
    "QUALITY_LETTERS",
    "TEXTS",
    "BatchBuilder",
    "Cause",
    "MalformedMessage",
    "MessageHead",
    "OutgoingReading",
    "Rejection",
    "SensorRef",
    "decode",
    "decode_status",
    "encode_message",
    "encode_receipt",
    "encode_rejected",
    "encode_status",
    "peek_sequence",
]
