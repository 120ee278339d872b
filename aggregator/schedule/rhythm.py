"""How often a feed really brings something."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

_LEAST = 4  # dates to learn from
_MOST = 20
_LOOKS = 4  # polls for each new article: an article is seen after an eighth of the usual gap on average


def rhythm(dates: Iterable[datetime], now: datetime) -> timedelta | None:
    """The interval that fits a feed whose articles are of these dates; None while they are too few to tell.

    A feed that has been silent for longer than usual is asked less often, the longer the less.
    """
    known = sorted({date for date in dates if date <= now})[-_MOST:]
    if len(known) < _LEAST:
        return None
    usual = (known[-1] - known[0]) / (len(known) - 1)
    return max(usual, now - known[-1]) / _LOOKS
