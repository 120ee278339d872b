"""Small pieces that several pages are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

DAYS = 30  # that the sparklines, shares and delays look back


def tag_of(language: str | None) -> str | None:
    """A language tag that may stand in `lang` (BCP 47: two or three letters, then subtags), else None."""
    return language if language and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", language) else None


def cut(text: str, most: int) -> str:
    """At most `most` characters, with an ellipsis where some are left out."""
    if len(text) <= most:
        return text
    shorter = text[: most - 1]
    # At the end of a word, unless that costs too much (as with a text that has no spaces).
    head = shorter.rpartition(" ")[0]
    return (head if len(head) > most * 0.7 else shorter).rstrip(" ,;:–-") + "…"


def time_of(text: str) -> datetime:
    """A time as a row has it."""
    return datetime.fromisoformat(text)


def hours(lead: str, other: str) -> float:
    """How many hours after the first of two times of rows the second is."""
    return (time_of(other) - time_of(lead)).total_seconds() / 3600
