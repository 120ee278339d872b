"""When to look again. Pure: no clock and no dice inside; both are arguments.

next_poll  the decision, from all of these
headers    what the server says: Retry-After, Cache-Control, Expires, Age
wishes     what the feed says: ttl, skipHours, skipDays, sy:
rhythm     how often the feed really brings something
moves      whether a permanent redirect has held
network    whether it is the feed that fails, or everything
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from aggregator.model import Subscription
from aggregator.schedule.headers import LONGEST, fresh_for, http_date, retry_after
from aggregator.schedule.rhythm import rhythm
from aggregator.schedule.wishes import Wishes, wishes

__all__ = [
    "LONGEST",
    "NETWORK_RETRY",
    "Signals",
    "Wishes",
    "fresh_for",
    "http_date",
    "next_poll",
    "retry_after",
    "rhythm",
    "spread",
    "wishes",
]

T = TypeVar("T")

NETWORK_RETRY = timedelta(minutes=2)
_IMPATIENT = Subscription("", interval=timedelta(0), jitter=0.0)
_SPREAD = timedelta(minutes=5)  # after a skipped hour, so that not all feeds are asked on the stroke of the next


@dataclass(frozen=True, slots=True)
class Signals:
    """What came back and matters for the schedule."""

    failures: int = 0  # in a row, this one included
    retry_after: timedelta | None = None  # the server's wish, 429 and 503
    fresh_for: timedelta | None = None  # Cache-Control max-age less Age, or Expires
    ttl: timedelta | None = None  # the feed's own wish
    wishes: Wishes = field(default_factory=Wishes)  # its other ones
    rhythm: timedelta | None = None  # what `adaptive` has learned
    pushed: bool = False  # a hub tells us of news (WebSub), polling is the safety net
    network_down: bool = False  # every feed failed alike: not this feed's fault
    outage: timedelta = timedelta(0)  # how long the network has been down


def next_poll(subscription: Subscription, signals: Signals, now: datetime, dice: float) -> datetime:
    """When to poll next. `dice` is in [0, 1).

    The user's interval (or the learned one) is stretched, never shortened, by what server and feed ask for; failures
    double it each time. Nobody's wish but the user's makes us look less often than daily.
    """
    interval = subscription.interval
    if subscription.adaptive and signals.rhythm is not None:
        interval = max(subscription.min_interval, min(signals.rhythm, subscription.max_interval))
    if signals.network_down:
        # Soon, but ever less so: as long again as it has been down.
        return now + min(max(NETWORK_RETRY, signals.outage), interval) * (1 + subscription.jitter * dice)
    wait = interval
    if signals.failures:
        # 2^k is bounded before it is computed: a feed can fail for years.
        wait = max(wait, min(wait * 2 ** min(signals.failures, 16), LONGEST, subscription.max_interval))
    elif signals.pushed:
        wait = max(wait, LONGEST)
    since_base = signals.wishes.wait(now)
    for wish in (signals.retry_after, signals.fresh_for, signals.ttl, since_base):
        if wish is not None:
            wait = max(wait, min(wish, LONGEST))
    latest = now + max(LONGEST, interval * (1 + subscription.jitter))
    moment = min(now + wait * (1 + subscription.jitter * dice), latest)
    welcome = signals.wishes.welcome(moment)
    return moment if welcome == moment else min(welcome + _SPREAD * dice, latest)


def not_before(signals: Signals, now: datetime) -> datetime | None:
    """The next poll if the interval were none: only what server and feed ask for. None after a failure."""
    if signals.failures or signals.network_down:
        return None
    return next_poll(_IMPATIENT, signals, now, 0.0)


def spread(hosts: Iterable[tuple[str, T]], most: int) -> list[T]:
    """Of (host, thing) pairs, in order, the first `most` things of each host; the rest waits for the next tick."""
    counts: Counter[str] = Counter()
    chosen = []
    for host, thing in hosts:
        counts[host] += 1
        if counts[host] <= most:
            chosen.append(thing)
    return chosen
