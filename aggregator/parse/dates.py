"""Dates a feed may mean: anything from the first day of 1970 + 1 up to the year 9998, in UTC; all else is no date."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from typing import Any

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # zero and its time zones stand for "unknown" in the field
_LATEST = datetime(9998, 1, 1, tzinfo=UTC)


def sane(date: datetime | None) -> datetime | None:
    """The date in UTC, or None where it can't be meant."""
    if date is None:
        return None
    try:
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return date if _EARLIEST <= date < _LATEST else None


def from_struct(value: Any) -> datetime | None:
    """A date from feedparser's UTC time tuple."""
    try:
        return sane(datetime.fromtimestamp(calendar.timegm(value), UTC)) if value else None
    except (ValueError, OverflowError, TypeError, OSError):
        return None


def from_rfc3339(value: object) -> datetime | None:
    """A date from an RFC 3339 text (JSON Feed)."""
    if not isinstance(value, str):
        return None
    try:
        # Python 3.11's fromisoformat takes at most six digits of a second.
        return sane(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.strip())))
    except ValueError:
        return None
