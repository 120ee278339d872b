"""What a feed itself asks of its readers: RSS 2.0 skipHours and skipDays, and the syndication module's sy:.

feedparser keeps the last <hour> only, so these are read from the document's own bytes: few, ASCII, and outside its items.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FAR = 30_000  # bytes before the first and after the last item that are looked at
_ITEM = re.compile(rb"<(?:[\w.-]{1,30}:)?(?:item|entry)[\s>/]", re.I)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 730, "yearly": 8766}  # hours


@dataclass(frozen=True, slots=True)
class Wishes:
    """Hours and days (0 is Monday) in GMT when nobody should ask, and how often the feed is brought up to date."""

    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    period: timedelta | None = None
    base: datetime | None = None  # from when the periods are counted

    def wait(self, now: datetime) -> timedelta | None:
        """How long until the feed may have something new: the end of its period; None where it does not say."""
        if self.period is None or self.base is None:
            return self.period
        return self.base + ((now - self.base) // self.period + 1) * self.period - now

    def welcome(self, moment: datetime) -> datetime:
        """The first moment from this one on that is not to be skipped. Who wants all skipped is not heard."""
        if len(self.skip_hours) == 24 or len(self.skip_days) == 7:
            return moment
        while True:
            if moment.weekday() in self.skip_days:
                moment = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            elif moment.hour in self.skip_hours:
                moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            else:
                return moment

    def to_text(self) -> str | None:
        """As JSON, for the database; None where there are none."""
        if self == Wishes():
            return None
        return json.dumps(
            {
                "skip_hours": sorted(self.skip_hours),
                "skip_days": sorted(self.skip_days),
                "period": self.period and self.period.total_seconds(),
                "base": self.base and self.base.isoformat(),
            }
        )

    @classmethod
    def from_text(cls, text: str | None) -> Wishes:
        """The inverse of `to_text`."""
        if text is None:
            return cls()
        data = json.loads(text)
        return cls(
            frozenset(data["skip_hours"]),
            frozenset(data["skip_days"]),
            timedelta(seconds=data["period"]) if data["period"] else None,
            datetime.fromisoformat(data["base"]) if data["base"] else None,
        )


def wishes(body: bytes) -> Wishes:
    """The wishes in a document; what can't be read is no wish."""
    head = _frame(body)
    hours = {int(hour) % 24 for hour in _inner(head, "skipHours", "hour") if hour.isdecimal() and int(hour) <= 24}
    days = {_DAYS.index(day.lower()) for day in _inner(head, "skipDays", "day") if day.lower() in _DAYS}
    return Wishes(frozenset(hours), frozenset(days), _period(head), _base(head))


def _frame(body: bytes) -> str:
    """The document without its items, and without what is commented out."""
    if b"\x00" in body[:100]:
        body = body[: 4 * _FAR].replace(b"\x00", b"")  # UTF-16: what we look for is ASCII
    first = _ITEM.search(body)
    head = body[: min(first.start() if first else len(body), _FAR)]
    last = max(body.rfind(b"</item>"), body.rfind(b"</entry>"))
    tail = body[max(len(head), last, len(body) - _FAR) :] if first else b""
    return re.sub(r"<!--.{0,500}?-->", "", (head + tail).decode("latin-1"), flags=re.S)


def _inner(head: str, outer: str, inner: str) -> list[str]:
    start = re.search(rf"<{outer}\b[^<>]{{0,200}}>", head, re.I)
    if start is None:
        return []
    end = head.lower().find(f"</{outer.lower()}", start.end())
    text = head[start.end() : end] if end >= 0 else ""
    found = re.findall(rf"<{inner}\b[^<>]{{0,200}}>\s{{0,50}}(\w{{1,10}})\s{{0,50}}<", text, re.I)
    return [str(value) for value in found]


def _value(head: str, name: str) -> str | None:
    """The text of a syndication element, whatever its prefix."""
    match = re.search(rf"<[\w.-]{{1,30}}:{name}\b[^>]{{0,200}}>\s{{0,50}}([\w:+.-]{{1,40}})\s{{0,50}}<", head)
    return match[1] if match else None


def _period(head: str) -> timedelta | None:
    period, frequency = _value(head, "updatePeriod"), _value(head, "updateFrequency")
    if period is None and frequency is None:
        return None
    hours = _PERIODS.get((period or "daily").lower())
    if hours is None:
        return None
    times = int(frequency) if frequency and re.fullmatch(r"[0-9]{1,5}", frequency) else 1
    return timedelta(hours=hours) / max(times, 1)


def _base(head: str) -> datetime | None:
    with contextlib.suppress(ValueError, OverflowError):
        date = datetime.fromisoformat(_value(head, "updateBase") or "")
        return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).astimezone(UTC)
    return None
