"""How the feeds are, and who copies whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from aggregator.advice import advice
from aggregator.page import charts, parts, words
from aggregator.page.parts import DAYS, Row


@dataclass(frozen=True, slots=True)
class Line:
    """A sparkline."""

    path: str
    total: int
    most: int


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's health."""

    id: int
    title: str
    url: str
    home: str | None
    state_class: str
    state_word: str
    polled: datetime | None
    next: datetime | None
    error: str | None
    advice: str
    failures: int
    line: Line
    rate: str
    share: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """The last DAYS days: articles per day by feed, and every copy as (source, copier, hours later)."""

    per_day: Mapping[int, Mapping[str, int]]
    copies: Sequence[tuple[int, int, float]]
    now: datetime


def feed(row: Row, statistics: Statistics) -> Feed:
    """How a feed is."""
    days = [f"{statistics.now - timedelta(days=back):%Y-%m-%d}" for back in reversed(range(DAYS))]
    counts = [statistics.per_day.get(row["id"], {}).get(day, 0) for day in days]
    total = sum(counts)
    delays = [hours for _, copier, hours in statistics.copies if copier == row["id"]]
    kind, word = _state(row)
    failing = kind in ("failing", "gone")
    return Feed(
        id=row["id"],
        title=row["title"],
        url=row["url"],
        home=row["home_page_url"],
        state_class=kind,
        state_word=word,
        polled=parts.time_of(row["last_fetched_at"]) if row["last_fetched_at"] else None,
        next=parts.time_of(row["next_poll_at"]) if row["state"] == "active" and row["last_fetched_at"] else None,
        error=row["last_error"],
        advice=advice(row["state"], row["http_status"], row["last_error"], row["failures"]) if failing else "",
        failures=row["failures"],
        line=Line(charts.sparkline(counts), total, max(counts)),
        rate=_rate(total),
        share=_share(delays, total),
    )


def _rate(total: int) -> str:
    if not total:
        return f"nothing new in {DAYS} days"
    daily = total / DAYS
    return f"{daily:.1f} a day" if daily >= 1 else f"{words.count(total, 'article')} in {DAYS} days"


def _share(delays: Sequence[float], total: int) -> str:
    if not delays:
        return "no copies"
    share = words.percent(len(delays) / max(total, len(delays)))
    middle = median(delays)
    if abs(middle) < 1 / 60:
        return f"{share} copies, at the same time as the origin"
    return (
        f"{share} copies, typically {words.span(abs(middle) * 3600)} {'behind' if middle > 0 else 'before'} the origin"
    )


def _state(row: Row) -> tuple[str, str]:
    if row["state"] == "disabled":
        return "off", "Off"
    if row["state"] == "gone":
        return "gone", "Gone"
    if row["last_fetched_at"] is None:
        return "waiting", "Waiting"
    if row["last_error"]:
        return "failing", "Failing"
    return "good", "Well"


@dataclass(frozen=True, slots=True)
class Health:
    """A page of feeds."""

    sentence: str
    feeds: list[Feed]
    days: int
    page: int
    pages: int


def facts(row: Row, tags: Sequence[str], now: datetime) -> list[tuple[str, str]]:
    """What else there is to know of a feed."""
    roles = {"origin": "publishes its own", "republisher": "carries what others publish"}
    found = [
        ("Address", row["url"]),
        ("In feeds.yaml as", row["configured_url"] if row["configured_url"] != row["url"] else ""),
        ("Role", roles.get(row["role"], "")),
        ("Tags", ", ".join(tags)),
        ("Last news", words.ago(parts.time_of(row["last_changed_at"]), now) if row["last_changed_at"] else "none yet"),
    ]
    return [(name, value) for name, value in found if value]


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a feed."""

    at: datetime
    answer: str
    error: bool
    new: int
    changed: int
    bytes: int
    milliseconds: int


def poll(row: Row) -> Poll:
    """A row of `fetches` in words."""
    status = row["http_status"]
    answer = row["error"] or {200: "new document", 304: "not modified"}.get(status, f"HTTP {status}")
    return Poll(
        parts.time_of(row["fetched_at"]),
        answer,
        row["error"] is not None,
        row["new_articles"],
        row["changed_articles"],
        row["bytes"],
        row["duration_ms"],
    )


def feeds_sentence(counts: Row) -> str:
    """The feeds at a glance."""
    if not counts["feeds"]:
        return "No feed is polled."
    polled = f"{words.count(counts['feeds'], 'feed')} polled"
    if not counts["failing"]:
        return f"{polled}, all well. Numbers are of the last {DAYS} days."
    return f"{polled}, {counts['failing']:,} of them in trouble. Numbers are of the last {DAYS} days."


def flows_sentence(flows: Sequence[charts.Flow]) -> str:
    """Who copies whom at a glance."""
    copies = sum(flow.copies for flow in flows)
    pairs = words.count(len(flows), "pair of feeds", "pairs of feeds")
    return f"{words.count(copies, 'copy was', 'copies were')} recognised in the last {DAYS} days, between {pairs}."


def flows_of(feed: int, flows: Sequence[charts.Flow], names: Mapping[int, str]) -> list[str]:
    """The flows from and to one feed, as sentences."""
    sentences = []
    for flow in flows:
        times = words.count(flow.copies, "time")
        if flow.copier == feed:
            sentences.append(f"Copied {names[flow.source]} {times}, typically {words.later(flow.median_hours)}.")
        elif flow.source == feed:
            sentences.append(f"Copied by {names[flow.copier]} {times}, typically {words.later(flow.median_hours)}.")
    return sentences[:20]
