"""Numbers and times in the words people use."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip

# Languages by their own names, as a person who reads one would look for it.
_LANGUAGES = dict(  # noqa: C408 - the quotes of a literal would double its length
    ar="العربية", bg="Български", ca="Català", cs="Čeština", da="Dansk", de="Deutsch", el="Ελληνικά", en="English",
    es="Español", et="Eesti", eu="Euskara", fa="فارسی", fi="Suomi", fr="Français", ga="Gaeilge", he="עברית", hi="हिन्दी",
    hr="Hrvatski", hu="Magyar", id="Bahasa Indonesia", it="Italiano", ja="日本語", ko="한국어", lt="Lietuvių",
    lv="Latviešu", nb="Norsk bokmål", nl="Nederlands", nn="Nynorsk", no="Norsk", pl="Polski", pt="Português",
    ro="Română", ru="Русский", sk="Slovenčina", sl="Slovenščina", sr="Српски", sv="Svenska", th="ไทย", tr="Türkçe",
    uk="Українська", ur="اردو", vi="Tiếng Việt", zh="中文",
)  # fmt: skip
_RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks ps sd ug ur yi".split())


def ago(time: datetime, now: datetime) -> str:
    """How long ago, or how soon, in one unit: "3 hours ago", "in 20 minutes", "just now"."""
    seconds = (now - time).total_seconds()
    if abs(seconds) < 45:
        return "just now" if seconds >= 0 else "in a moment"
    words = span(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(seconds: float) -> str:
    """A length of time in its largest unit that fits: "90 seconds" is "2 minutes"."""
    for size, unit in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        # Up to one and a half of a unit the smaller one says more: 36 hours, not "2 days".
        if seconds >= size * (1.5 if unit != "minute" else 0.75):
            return count(round(seconds / size), unit)
    return count(max(1, round(seconds)), "second")


def later(hours: float) -> str:
    """How much later a copy came: "2 hours later", "20 minutes earlier", "at the same time"."""
    if abs(hours) < 1 / 60:
        return "at the same time"
    return f"{span(abs(hours) * 3600)} {'later' if hours > 0 else 'earlier'}"


def day(of: date, today: date) -> str:
    """A day as a heading: "Today", "Yesterday", "Saturday, 21 November", with the year where it is another."""
    if of == today:
        return "Today"
    if of == today - timedelta(days=1):
        return "Yesterday"
    year = f" {of.year}" if of.year != today.year else ""
    return f"{_DAYS[of.weekday()]}, {of.day} {_MONTHS[of.month - 1]}{year}"


def exact(time: datetime) -> str:
    """A time in full: "23 November 2026, 12:05 UTC"."""
    time = time.astimezone(UTC)
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC"


def machine(time: datetime) -> str:
    """A time for <time datetime>."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def count(number: float, noun: str, plural: str | None = None) -> str:
    """ "1 story", "1,204 stories"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(bytes: int) -> str:
    """Bytes as people say them."""
    if bytes < 1000:
        return f"{bytes} B"
    for limit, unit, scale in ((1_000_000, "kB", 1000), (1_000_000_000, "MB", 1_000_000)):
        if bytes < limit:
            return f"{bytes / scale:.3g} {unit}" if bytes / scale < 100 else f"{bytes / scale:.0f} {unit}"
    return f"{bytes / 1e9:.3g} GB"


def percent(share: float) -> str:
    """A share as per cent; what is not quite all is never called 100%."""
    return "100%" if share >= 1 else f"{min(99, round(share * 100))}%"


def language(tag: str) -> str:
    """The name of a language in that language; the tag where we don't know it."""
    return _LANGUAGES.get(tag.lower(), tag)


def direction(tag: str | None) -> str:
    """The value of `dir` for text in a language; without one the text itself must tell."""
    return "rtl" if (tag or "").partition("-")[0].lower() in _RIGHT_TO_LEFT else "auto"
