"""Which of the two languages a reader wants."""

from __future__ import annotations

from typing import Literal

Language = Literal["zh-CN", "en"]


def preferred(accept_language: str | None) -> Language:
    """zh-CN when an Accept-Language header ranks any Chinese above English, else en."""
    best: tuple[float, Language] = (0.0, "en")
    for part in (accept_language or "").split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        main = tag.strip().lower().split("-")[0]
        if main in ("zh", "en") and quality > best[0]:
            best = (quality, "zh-CN" if main == "zh" else "en")
    return best[1]
