"""When to look again. Pure: no clock and no dice inside; both are arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model import Response, Subscription

_LONGEST = timedelta(hours=24)  # no server, feed or back-off makes us look less often than daily
_NETWORK_RETRY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Signals:
    """What came back and matters for the schedule."""

    failures: int = 0  # in a row, this one included
    retry_after: timedelta | None = None  # the server's wish, 429 and 503
    fresh_for: timedelta | None = None  # Cache-Control max-age less Age, or Expires
    ttl: timedelta | None = None  # the feed's own wish
    network_down: bool = False  # every feed failed alike: not this feed's fault


def next_poll(subscription: Subscription, signals: Signals, now: datetime, dice: float) -> datetime:
    """When to poll next. `dice` is in [0, 1).

    The user's interval is stretched, never shortened, by what server and feed ask for; failures double it each time.
    """
    if signals.network_down:
        wait = min(_NETWORK_RETRY, subscription.interval)
    else:
        wait = subscription.interval
        if signals.failures:
            # 2^k is bounded before it is computed: a feed can fail for years.
            wait = max(wait, min(wait * 2 ** min(signals.failures, 16), _LONGEST, subscription.max_interval))
        for wish in (signals.retry_after, signals.fresh_for, signals.ttl):
            if wish is not None:
                wait = max(wait, min(wish, _LONGEST))
    return now + wait * (1 + subscription.jitter * dice)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After field (RFC 9110 §10.2.3), clamped to a day; None where absent or absurd."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,10}", value):
        return min(float(value), _LONGEST.total_seconds())
    if (date := http_date(value)) is not None and date > now:
        return min((date - now).total_seconds(), _LONGEST.total_seconds())
    return None


def fresh_for(response: Response, now: datetime) -> timedelta | None:
    """How long the server says its answer holds (RFC 9111 §4.2.1); None where it doesn't say, or not sensibly."""
    directives = (response.header("cache-control") or "").lower()
    seconds: float | None = None
    if match := re.search(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,10})(?![0-9])", directives):
        seconds = float(match[1])
    elif not re.search(r"no-cache|no-store", directives) and (expires := http_date(response.header("expires"))):
        seconds = (expires - (http_date(response.header("date")) or now)).total_seconds()
    if seconds is None:
        return None
    if re.fullmatch(r"[0-9]{1,10}", age := (response.header("age") or "").strip()):
        seconds -= float(age)
    return timedelta(seconds=seconds) if 0 < seconds < 10**9 else None


def http_date(value: str | None) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7) or None; never raises."""
    try:
        date = parsedate_to_datetime(value or "")
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
