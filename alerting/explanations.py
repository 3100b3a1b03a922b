"""Why an alarm is there, in a sentence for the duty room.

    甲烷 27.3 %LEL 超过一级报警值 25 %LEL（GB/T 50493-2019 5.5.2）

Only what the alarm or transition itself holds is said, so a sentence made years later from the
stored row is the one that was shown.
"""

from __future__ import annotations

from alerting.alarms import Alarm, Transition
from alerting.limits import is_beyond
from alerting.texts import (
    CONDITIONS,
    EVENTS,
    GAS_LEVEL_NAMES,
    LEVEL_NAMES,
    SENTENCES,
    UNIT_WORDS,
    UNITS,
    Locale,
)
from domain.readings import MICROSECONDS, Reason


def explain(
    subject: Alarm | Transition,
    locale: Locale,
    *,
    sensor_name: str = "",
    gateway_name: str = "",
    unit: str = "",
    measurand_class: str = "",
    source: str = "",
) -> str:
    """One sentence in the given language.

    Args:
        subject: an alarm, or one transition of its time line.
        locale: of the sentence.
        sensor_name: what people call it; its number stands in for a missing one.
        gateway_name: likewise.
        unit: of the sensor.
        measurand_class: "gas" names the levels as gas detectors do.
        source: of the limit, for a transition; an alarm knows its own.
    """
    name = sensor_name or f"#{subject.sensor}"
    if subject.sensor is None:
        name = gateway_name or f"#{subject.gateway}"
    if isinstance(subject, Alarm):
        return _alarm(subject, locale, name, unit, measurand_class)
    return _transition(subject, locale, name, unit, measurand_class, source)


def _alarm(alarm: Alarm, locale: Locale, name: str, unit: str, measurand_class: str) -> str:
    texts = SENTENCES[locale]
    beyond = _beyond(alarm.family) if alarm.over_range else None
    sentence = _trouble(alarm, locale, name, unit, measurand_class, alarm.source, beyond)
    extras = []
    if alarm.kind == "limit" and alarm.on_delay_us:
        extras.append(texts["delay"].format(delay=duration(alarm.on_delay_us, locale)))
    if alarm.late:
        extras.append(texts["late"])
    return texts["join"].join([sentence, *extras])


def _transition(
    change: Transition, locale: Locale, name: str, unit: str, measurand_class: str, source: str
) -> str:
    texts = SENTENCES[locale]
    if change.what == "condition":
        words = CONDITIONS[locale]
        levels = GAS_LEVEL_NAMES if measurand_class == "gas" else LEVEL_NAMES
        return words["moved"].format(
            event=levels[locale].get(change.event) or words[change.event],
            before=words[change.from_state],
            after=words[change.to_state],
        )
    sentence = EVENTS[locale][change.event]
    falling = change.event == "deescalate" and is_beyond(change.family, change.value, change.limit)
    if falling or change.event in {"raise", "escalate", "reactivate"}:
        out_of_range = change.reason & (Reason.OVER_RANGE | Reason.UNDER_RANGE)
        beyond = _beyond(change.family) if out_of_range else None
        trouble = _trouble(change, locale, name, unit, measurand_class, source, beyond)
        sentence += texts["note"].format(note=trouble)
    if change.actor is not None:
        sentence += texts["by"].format(actor=change.actor)
    if change.note is not None:
        sentence += texts["note"].format(note=change.note)
    return sentence


def _beyond(family: str) -> str:
    return "over_range" if family == "high" else "under_range"


def _trouble(
    subject: Alarm | Transition,
    locale: Locale,
    name: str,
    unit: str,
    measurand_class: str,
    source: str,
    beyond: str | None,
) -> str:
    """What is wrong: the value against the limit, the silence, the clock."""
    texts = SENTENCES[locale]
    if subject.level is None:
        return _without_level(subject, locale, name)
    levels = GAS_LEVEL_NAMES if measurand_class == "gas" else LEVEL_NAMES
    form = "no_value" if subject.value is None else beyond or subject.family
    return texts[form].format(
        name=name,
        value=_number(subject.value, unit, locale),
        level=levels[locale][subject.level],
        limit=_number(subject.limit, unit, locale),
        source=texts["source"].format(source=source) if source else "",
    )


def _without_level(subject: Alarm | Transition, locale: Locale, name: str) -> str:
    value, limit = subject.value or 0.0, subject.limit or 0.0
    form = "sensor_stale" if subject.sensor is not None else "gateway_stale"
    if subject.family == "clock":
        # A reading from the future is told from an offset by its own, wider limit.
        form = "future" if value < -limit and limit > 30.0 else "clock"
        value = abs(value)
    return SENTENCES[locale][form].format(
        name=name,
        value=duration(round(value * MICROSECONDS), locale),
        limit=duration(round(limit * MICROSECONDS), locale),
    )


def _number(value: float | None, unit: str, locale: Locale) -> str:
    text = "" if value is None else f"{value:.6g}"
    return f"{text} {UNIT_WORDS[locale].get(unit, unit)}".strip()


def duration(microseconds: int, locale: Locale) -> str:
    """A length of time in its natural unit: 45 s, 5 min, 2.5 h."""
    seconds = microseconds / MICROSECONDS
    second, minute, hour = UNITS[locale]
    if seconds < 120:
        return second.format(f"{seconds:.3g}")
    if seconds < 7200:
        return minute.format(f"{seconds / 60:.3g}")
    return hour.format(f"{seconds / 3600:.3g}")
