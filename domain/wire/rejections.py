"""What is refused of a message, and why: the words for gateway, quarantine and device page."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Cause(StrEnum):
    """Kind of refusal: few and fixed, fit for counting and for translation."""

    OVERSIZE = "oversize"
    UNREADABLE = "unreadable"
    SHAPE = "shape"
    HEAD = "head"
    TAG = "tag"
    UNKNOWN_SENSOR = "unknown_sensor"
    VALUE = "value"
    STATE = "state"
    TIME = "time"
    QUALITY = "quality"
    TOPIC = "topic"
    OTHER = "other"


TEXTS: Final[Mapping[Cause, Mapping[str, str]]] = MappingProxyType(
    {
        Cause.OVERSIZE: {"zh-CN": "消息过大", "en": "message too large"},
        Cause.UNREADABLE: {"zh-CN": "消息无法解析", "en": "message cannot be read"},
        Cause.SHAPE: {"zh-CN": "消息结构错误", "en": "wrong structure"},
        Cause.HEAD: {"zh-CN": "消息头字段错误", "en": "wrong field of the message head"},
        Cause.TAG: {"zh-CN": "测点标签不合规", "en": "not a valid tag"},
        Cause.UNKNOWN_SENSOR: {"zh-CN": "测点未登记", "en": "sensor not registered"},
        Cause.VALUE: {"zh-CN": "数值错误", "en": "wrong value"},
        Cause.STATE: {"zh-CN": "状态名称未知", "en": "unknown state name"},
        Cause.TIME: {"zh-CN": "时间错误", "en": "wrong time"},
        Cause.QUALITY: {"zh-CN": "质量码错误", "en": "wrong quality code"},
        Cause.TOPIC: {"zh-CN": "发布主题不允许", "en": "topic not allowed"},
        Cause.OTHER: {"zh-CN": "其他原因", "en": "another reason"},
    }
)
"""Short name of each cause, by locale."""


class Rejection(NamedTuple):
    """One thing that was refused.

    `path` points into the message (`readings[3].v`), "" is the whole of it; `reason` is the English
    sentence that goes back to the gateway.
    """

    path: str
    reason: str
    cause: Cause = Cause.OTHER


class MalformedMessage(Exception):
    """Nothing of a message could be read; its sender is at fault."""

    def __init__(self, reason: str, cause: Cause = Cause.UNREADABLE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause

    @property
    def rejection(self) -> Rejection:
        """The same, as it is answered and quarantined."""
        return Rejection("", self.reason, self.cause)
