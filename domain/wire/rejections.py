"""What is refused of a message, and why: the words for gateway, quarantine and device page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

MAX_ERRORS: Final = 100
"""Rejections of one message: a quarter of a megabyte has room for 131,000 mistakes."""


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
    sentence that goes back to the gateway. `mistakes` is more than one where a message has too many
    to name each.
    """

    path: str
    reason: str
    cause: Cause = Cause.OTHER
    mistakes: int = 1


class Refusals:
    """What is refused of one message: at most `MAX_ERRORS` rejections that count everything.

    The first are named; of the others there is one for each cause, with their number.
    """

    __slots__ = ("_more", "_named")

    def __init__(self) -> None:
        self._named: list[Rejection] = []
        self._more: Counter[Cause] = Counter()

    def add(self, path: str, reason: str, cause: Cause) -> None:
        if len(self._named) < MAX_ERRORS - len(Cause):
            self._named.append(Rejection(path, reason, cause))
        else:
            self._more[cause] += 1

    def rejections(self) -> tuple[Rejection, ...]:
        """In the order they were added, the counted ones last."""
        if not self._more:
            return tuple(self._named)
        others = (
            Rejection("", f"and {count} more: {TEXTS[cause]['en']}", cause, count)
            for cause, count in self._more.items()
        )
        return (*self._named, *others)


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
