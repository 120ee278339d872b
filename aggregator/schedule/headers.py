"""What a server's header fields say of the time: read where sensible, ignored where absurd, never an exception."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model import Response

LONGEST = timedelta(hours=24)  # no server, feed or back-off makes us look less often than daily
_ABSURD = 10.0**9  # seconds, 31 years: who says more is not talking of us


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After field (RFC 9110 §10.2.3), clamped to a day; None where absent or absurd."""
    if value is None:
        return None
    value = value.strip()
    seconds: float | None = None
    if re.fullmatch(r"[0-9]{1,10}", value):
        seconds = float(value)
    elif (date := http_date(value)) is not None:
        seconds = (date - now).total_seconds()
    if seconds is None or not 0 < seconds < _ABSURD:
        return None
    return min(seconds, LONGEST.total_seconds())


def fresh_for(response: Response, now: datetime) -> timedelta | None:
    """How long the server says its answer holds (RFC 9111 §4.2.1); None where it doesn't say, or not sensibly."""
    directives = (response.values("cache-control") or "").lower()
    if re.search(r"(?:^|[\s,])(?:no-cache|no-store)\s*(?:,|$)", directives):
        return None  # it wants to be asked each time
    seconds: float | None = None
    if match := re.search(r"(?:^|[\s,])max-age\s*=\s*\"?([^\s,\"]*)", directives):
        # A max-age that can't be read still overrules Expires (§5.3).
        seconds = float(match[1]) if re.fullmatch(r"[0-9]{1,10}", match[1]) else None
    elif (expires := http_date(response.header("expires"))) is not None:
        seconds = (expires - (http_date(response.header("date")) or now)).total_seconds()
    if seconds is None or seconds >= _ABSURD:
        return None
    if re.fullmatch(r"[0-9]{1,10}", age := (response.header("age") or "").strip()):
        seconds -= float(age)
    return timedelta(seconds=seconds) if seconds > 0 else None


def http_date(value: str | None) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7) or None; never raises."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
