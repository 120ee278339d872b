"""What a value of feeds.yaml must keep to beside its type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aggregator.config.scalars import pattern

# Least and greatest value of a number, by dotted key; the rest must only not be negative.
RANGES: dict[str, tuple[float, float]] = {
    "output.items": (1, 10_000),
    "fetch.concurrency": (1, 10_000),
    "fetch.per_host": (1, 100),
    "dedupe.threshold": (0.5, 1),
    "feeds.jitter": (0, 1),
    "feeds.priority": (-1_000_000, 1_000_000),
}


def _selector_fault(text: str) -> str | None:
    from aggregator.clean.select import fault  # bs4 is slow to load and seldom needed here

    return fault(text)


def _pattern_fault(text: str) -> str | None:
    try:
        pattern(text)
    except ValueError as error:
        return str(error)
    return None


# What the type of a feed's key does not say: model.py knows texts only.
_CHECKS: dict[str, Callable[[str], str | None]] = {
    "feeds.remove": _selector_fault,
    "feeds.include": _pattern_fault,
    "feeds.exclude": _pattern_fault,
}


def fault(key: str, value: Any, text: str) -> str | None:
    """What is wrong with a value of the right type, in words. `text` is how it was written."""
    generic = re.sub(r"\[\d+\]", "", key).replace("defaults.", "feeds.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = RANGES.get(generic, (0, 10**9))
        if not low <= value <= high:
            return f"must be between {low:g} and {high:g}, not {text}"
    return _CHECKS[generic](text) if generic in _CHECKS else None
