"""The words of explanations, per locale. `{name}`, `{value}` and the like are filled in."""

from __future__ import annotations

from typing import Final, Literal

Locale = Literal["zh-CN", "en"]
LOCALES: Final[tuple[Locale, ...]] = ("zh-CN", "en")

LEVEL_NAMES: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {"HH": "高高限报警值", "H": "高限报警值", "L": "低限报警值", "LL": "低低限报警值"},
    "en": {
        "HH": "the high-high limit",
        "H": "the high limit",
        "L": "the low limit",
        "LL": "the low-low limit",
    },
}
GAS_LEVEL_NAMES: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {"HH": "二级报警值", "H": "一级报警值", "L": "一级报警值", "LL": "二级报警值"},
    "en": {
        "HH": "alarm level 2",
        "H": "alarm level 1",
        "L": "alarm level 1",
        "LL": "alarm level 2",
    },
}
"""Gas detectors have a first and a second level (GB/T 50493-2019)."""

SENTENCES: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {
        "high": "{name} {value} 超过{level} {limit}{source}",
        "low": "{name} {value} 低于{level} {limit}{source}",
        "over_range": "{name} 超出量程，按满量程 {value} 判断，超过{level} {limit}{source}",
        "under_range": "{name} 低于量程，按量程下限 {value} 判断，低于{level} {limit}{source}",
        "no_value": "{name} 达到{level} {limit}{source}",
        "sensor_stale": "{name} 已 {value} 无数据（允许 {limit}）",
        "gateway_stale": "网关 {name} 已 {value} 无消息（允许 {limit}）",
        "clock": "网关 {name} 时钟偏差 {value}（允许 {limit}）",
        "future": "网关 {name} 上报了未来时刻的读数（超前 {value}），读数已隔离",
        "delay": "持续 {delay}",
        "late": "迟到数据",
        "source": "（{source}）",
        "note": "：{note}",
        "join": "，",
        "by": "（{actor}）",
    },
    "en": {
        "high": "{name} {value} is above {level} {limit}{source}",
        "low": "{name} {value} is below {level} {limit}{source}",
        "over_range": "{name} is over range, judged as full scale {value}, "
        "above {level} {limit}{source}",
        "under_range": "{name} is under range, judged as bottom of scale {value}, "
        "below {level} {limit}{source}",
        "no_value": "{name} has reached {level} {limit}{source}",
        "sensor_stale": "{name} has sent nothing for {value} (allowed: {limit})",
        "gateway_stale": "Gateway {name} has sent nothing for {value} (allowed: {limit})",
        "clock": "The clock of gateway {name} is off by {value} (allowed: {limit})",
        "future": "Gateway {name} sent a reading from the future ({value} ahead); "
        "it was quarantined",
        "delay": "for {delay}",
        "late": "from late data",
        "source": " ({source})",
        "note": ": {note}",
        "join": ", ",
        "by": " ({actor})",
    },
}

EVENTS: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {
        "raise": "报警",
        "escalate": "报警升级",
        "deescalate": "报警降级",
        "return": "恢复",
        "reactivate": "再次报警",
        "acknowledge": "已确认",
        "shelve": "搁置",
        "unshelve": "取消搁置",
        "shelf_expired": "搁置到期",
        "shelf_broken": "情况恶化，搁置解除",
        "reset": "复位",
        "realarm": "仍未恢复，再次提醒",
        "suppress": "设计抑制",
        "unsuppress": "解除抑制",
        "out_of_service": "停用",
        "in_service": "恢复使用",
        "comment": "备注",
        "close": "测点或网关已删除，报警关闭",
        "lost": "日志丢失，后续情况不明，报警关闭",
    },
    "en": {
        "raise": "Alarm",
        "escalate": "Got worse",
        "deescalate": "Eased",
        "return": "Returned to normal",
        "reactivate": "Alarm again",
        "acknowledge": "Acknowledged",
        "shelve": "Shelved",
        "unshelve": "Unshelved",
        "shelf_expired": "Shelf expired",
        "shelf_broken": "Got worse: shelf broken",
        "reset": "Reset",
        "realarm": "Still active: rings again",
        "suppress": "Suppressed by design",
        "unsuppress": "No longer suppressed",
        "out_of_service": "Taken out of service",
        "in_service": "Back in service",
        "comment": "Comment",
        "close": "Closed: its sensor or gateway was removed",
        "lost": "Closed: the journal was lost, how it went on is not known",
    },
}

CONDITIONS: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {
        "normal": "正常",
        "pending": "等待延时",
        "active": "成立",
        "clearing": "等待恢复延时",
        "moved": "{event}：{before} → {after}",
        "stale": "无数据",
        "mismatch": "时钟偏差",
    },
    "en": {
        "normal": "normal",
        "pending": "pending",
        "active": "active",
        "clearing": "clearing",
        "moved": "{event}: {before} → {after}",
        "stale": "silence",
        "mismatch": "clock",
    },
}

UNITS: Final[dict[Locale, tuple[str, str, str]]] = {
    "zh-CN": ("{} 秒", "{} 分钟", "{} 小时"),
    "en": ("{} s", "{} min", "{} h"),
}
"""Seconds, minutes, hours."""

UNIT_WORDS: Final[dict[Locale, dict[str, str]]] = {
    "zh-CN": {"count": "次", "count/min": "次/分钟", "count/s": "次/秒"},
    "en": {"count": "counts", "count/min": "counts/min", "count/s": "counts/s"},
}
"""Units of the catalogue that are words; the others are symbols, alike everywhere."""
