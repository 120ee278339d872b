"""What each page shows, made of rows: plain values that a template has only to put in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Any
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from aggregator.page import charts, content, diff, words
from aggregator.page.asked import Asked, cursor

Row = Mapping[str, Any]
Rows = Sequence[Row]
Segments = list[tuple[str, bool]]  # a text in pieces: (piece, whether it was searched for)

DAYS = 30  # that the sparklines, shares and delays look back
_SUMMARY, _TITLE = 280, 220  # characters on the river
_MOST_FEEDS, _MOST_TAGS, _MOST_LANGUAGES = 60, 60, 40  # in the filters; more would be no choice, but a list


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else who has the story."""

    id: int
    feed: str
    later: str


@dataclass(frozen=True, slots=True)
class Card:
    """A story on the river."""

    id: int
    title: Segments
    plain_title: str
    url: str
    feed_id: int
    feed: str
    published: datetime
    summary: Segments
    language: str | None
    picture: str | None
    others: list[Other]
    found_in: str | None  # a copy's feed, where only that copy has the words


@dataclass(frozen=True, slots=True)
class Day:
    """The stories of a day (UTC)."""

    date: str
    name: str
    stories: list[Card]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address without it."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class River:
    heading: str
    days: list[Day]
    chips: list[Chip]
    tags: Sequence[str]
    feeds: Sequence[Row]
    languages: Sequence[str]
    older: str | None
    newest: str
    any: bool  # whether there is a story at all
    empty: list[str]
    commands: list[str]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer, and how much there is."""

    feeds: Sequence[Row]
    tags: Sequence[str]
    languages: Sequence[str]
    counts: Row


def river(asked: Asked, rows: Sequence[Row], more: bool, choices: Choices, now: datetime) -> River:
    """The river; `rows` are the stories of this page, `more` says whether others follow."""
    cards = [_card(row) for row in rows]
    days = [
        Day(f"{date}", words.day(date, now.date()), list(cards_of_day))
        for date, cards_of_day in groupby(cards, key=lambda card: card.published.date())
    ]
    names = {feed["id"]: feed["title"] for feed in choices.feeds}
    chips = []
    if asked.q:
        chips.append(Chip(f"“{_cut(asked.q, 80)}”", asked.address(q="", before="")))
    if asked.tag:
        chips.append(Chip(f"tag: {_cut(asked.tag, 60)}", asked.address(tag="", before="")))
    if asked.feed is not None:
        chips.append(
            Chip(f"feed: {_cut(names.get(asked.feed, str(asked.feed)), 60)}", asked.address(feed=None, before=""))
        )
    if asked.lang:
        chips.append(Chip(f"language: {words.language(asked.lang)}", asked.address(lang="", before="")))
    if asked.copied:
        chips.append(Chip("only with copies", asked.address(copied=False, before="")))
    empty, commands = _emptiness(asked, choices, names) if not rows else ([], [])
    offered = (
        choices.feeds if len(choices.feeds) <= _MOST_FEEDS else [f for f in choices.feeds if f["id"] == asked.feed]
    )
    return River(
        heading=_heading(asked, names),
        days=days,
        chips=chips,
        tags=choices.tags[:_MOST_TAGS],
        feeds=offered,
        languages=choices.languages[:_MOST_LANGUAGES],
        older=asked.address(before=cursor(rows[-1]["published_at"], rows[-1]["id"])) if more and rows else None,
        newest=asked.address(before=""),
        any=bool(choices.counts["stories"]),
        empty=empty,
        commands=commands,
    )


def _heading(asked: Asked, names: Mapping[int, str]) -> str:
    if asked.q:
        return f"Stories with “{_cut(asked.q, 80)}”"
    if asked.feed is not None:
        return f"Stories in {_cut(names.get(asked.feed, f'feed {asked.feed}'), 80)}"
    if asked.tag:
        return f"Stories tagged {_cut(asked.tag, 60)}"
    if asked.lang:
        return f"Stories in {words.language(asked.lang)}"
    return "Stories with copies" if asked.copied else "Stories"


def _emptiness(asked: Asked, choices: Choices, names: Mapping[int, str]) -> tuple[list[str], list[str]]:
    """Why there is nothing, and what to do."""
    counts = choices.counts
    if counts["stories"]:
        if asked.feed is not None and asked.feed not in names:
            return [f"There is no feed with the number {asked.feed}."], []
        if asked.tag and asked.tag not in choices.tags:
            return [f"No feed has the tag “{_cut(asked.tag, 60)}”."], []
        if asked.before and not asked.narrowed:
            return ["Nothing is older than this: here the river begins."], []
        if asked.q:
            return ["Nothing has all these words. Fewer words find more, or a beginning with a star: harb*"], []
        return ["No story passes these filters."], []
    if not counts["feeds"]:
        return ["No feed is polled yet. Name some in feeds.yaml, or let the aggregator find the feed behind a page:"], [
            "aggregator add https://example.org/"
        ]
    if counts["last_fetched_at"] is None:
        polled = words.count(counts["feeds"], "feed is", "feeds are")
        return [f"{polled} waiting for the first poll; stories come in within a minute. Load this page again."], []
    if counts["failing"] == counts["feeds"]:
        return ["No feed could be read. This says why, feed by feed:"], ["aggregator status"]
    return ["The feeds were polled, but there was no story in them yet."], ["aggregator status"]


def _card(row: Row) -> Card:
    others = [
        Other(copy["id"], copy["feed"], words.later(_hours(row["published_at"], copy["published_at"])))
        for copy in row["others"]
    ]
    in_lead = row.get("found_in") in (None, row["article"])
    title = _segments(row["found_title"]) if row.get("found_title") and in_lead else [(row["title"], False)]
    text = _segments(row["found_text"]) if row.get("found_text") else [(_cut(row["summary"], _SUMMARY), False)]
    return Card(
        id=row["id"],
        title=_limited(title, _TITLE),
        plain_title=_cut(row["title"], _TITLE),
        url=row["url"],
        feed_id=row["feed_id"],
        feed=_cut(row["feed"], 80),
        published=_time(row["published_at"]),
        summary=_limited(text, _SUMMARY + 120),
        language=tag_of(row["language"]),
        picture=_picture(row),
        others=others,
        found_in=None if in_lead else _cut(row["found_feed"], 80),
    )


def _picture(row: Row) -> str | None:
    for file in json.loads(row["enclosures"]):
        if str(file.get("type") or "").startswith("image/") and content.is_web_address(file["url"]):
            return str(file["url"])
    return content.picture(row["html"])


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story. `place` is where on the line of time it stands, 0 to 98."""

    id: int
    feed_id: int
    feed: str
    title: str
    url: str
    language: str | None
    published: datetime
    word_count: int
    leads: bool
    later: str
    place: float
    verdict: str


@dataclass(frozen=True, slots=True)
class File:
    """An enclosure."""

    url: str
    name: str
    kind: str  # the first part of its media type
    length: int | None


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    url: str
    author: str | None
    language: str | None
    html: Markup | None
    paragraphs: list[str]
    cut: bool
    files: list[File]
    categories: list[str]
    lead: Member
    members: list[Member]
    others: list[Member]
    left_out: int
    lead_sentence: str
    chosen: int | None
    copy: Member | None
    titles: tuple[str, str] | None
    diff: list[list[diff.Piece]]
    diff_cut: bool
    longest: int
    tally: list[tuple[str, int]]
    removed: Sequence[Row]
    removed_from_lead: Sequence[Row]
    commands: list[tuple[str, str]]


def story(row: Row, members: Sequence[Row], lead: Row, copy: Row | None) -> Story:
    """A story's page; `lead` and `copy` are the articles with their texts, `copy` the one to compare."""
    shown = _members(members)
    first = next(member for member in shown if member.leads)
    others = [member for member in shown if not member.leads]
    compared = next((member for member in others if copy is not None and member.id == copy["id"]), None)
    difference = diff.compare(lead["content_text"], copy["content_text"]) if copy is not None and compared else None
    tally: list[tuple[str, int]] = [(kind, difference.words(kind)) for kind in diff.KINDS] if difference else []
    removed: Sequence[Row] = copy["removed"][:40] if copy is not None else []
    if removed:
        tally.append(("removed", sum(len(removal["text"].split()) for removal in removed)))
    titles = (first.title, compared.title) if compared and compared.title != first.title else None
    commands = [("Why is it so?", f"aggregator explain {first.id}")]
    if compared:
        commands += [
            (f"{_cut(compared.feed, 60)} has another story: part it from this one", f"aggregator split {compared.id}"),
            (f"{_cut(compared.feed, 60)} had it first: let it lead", f"aggregator pin {compared.id}"),
        ]
    commands.append(("Another article says the same: join it, by its number", f"aggregator merge {first.id} OTHER"))
    html = lead["content_html"]
    text = lead["content_text"] if html is None else ""
    return Story(
        title=row["title"],
        url=row["url"],
        author=_cut(lead["author"], 120) if lead["author"] else None,
        language=tag_of(lead["language"]),
        html=Markup(content.embed(html, 1)) if html else None,  # noqa: S704 - sanitised by clean, see content.py
        paragraphs=[paragraph for paragraph in text.split("\n") if paragraph.strip()],
        cut=html is None and bool(lead["cut"]),
        files=[_file(file) for file in json.loads(lead["enclosures"])[:20] if content.is_web_address(file["url"])],
        categories=[_cut(category, 60) for category in json.loads(lead["categories"])[:12]],
        lead=first,
        members=shown,
        others=others,
        left_out=row["copies"] - len(shown),
        lead_sentence=f"{first.feed} leads: {row['lead_reason'] or 'it was stored first'}.",
        chosen=compared.id if compared else None,
        copy=compared,
        titles=titles,
        diff=paragraphs_of(difference.pieces) if difference else [],
        diff_cut=bool(difference and difference.cut),
        longest=diff.LONGEST,
        tally=tally,
        removed=removed,
        removed_from_lead=lead["removed"][:40],
        commands=commands,
    )


def _members(rows: Sequence[Row]) -> list[Member]:
    lead = next(row for row in rows if row["leads"])
    times = [_time(row["published_at"]) for row in rows]
    first, length = min(times), (max(times) - min(times)).total_seconds()
    return [
        Member(
            id=row["id"],
            feed_id=row["feed_id"],
            feed=_cut(row["feed"], 80),
            title=row["title"],
            url=row["url"],
            language=tag_of(row["language"]),
            published=time,
            word_count=row["word_count"],
            leads=bool(row["leads"]),
            later=words.later(_hours(lead["published_at"], row["published_at"])),
            place=round((time - first).total_seconds() / length * 98, 1) if length else 0.0,
            verdict=verdict(row, lead["id"]),
        )
        for row, time in zip(rows, times, strict=True)
    ]


_KINDS = {
    "same-url": "It has the same address as the lead",
    "same-text": "Word for word the same text",
    "near-copy": "Nearly the same text",
}


def verdict(row: Row, lead: int) -> str:
    """Why an article counts as a copy, in a sentence with its numbers."""
    start = _KINDS.get(row["kind"] or "", "A copy")
    reason = row["reason"] or ""
    known = {"same-url": "the same address", "same-text": "word for word the same text"}
    detail = "" if reason == known.get(row["kind"] or "") else f": {reason}"
    shared = f" ({words.count(row['shared'], 'word')} in common)" if row["shared"] else ""
    against = f", compared with article {row['against_id']}" if row["against_id"] not in (None, lead) else ""
    return f"{start}{detail}{shared}{against}."


def paragraphs_of(pieces: Iterable[diff.Piece]) -> list[list[diff.Piece]]:
    """The pieces broken where the text has a new line."""
    paragraphs: list[list[diff.Piece]] = [[]]
    for piece in pieces:
        for number, part in enumerate(re.split(r"\n+", piece.text)):
            if number:
                paragraphs.append([])
            if part:
                paragraphs[-1].append(diff.Piece(piece.kind, part, piece.words))
    return [paragraph for paragraph in paragraphs if paragraph]


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
        polled=_time(row["last_fetched_at"]) if row["last_fetched_at"] else None,
        next=_time(row["next_poll_at"]) if row["state"] == "active" and row["last_fetched_at"] else None,
        error=row["last_error"],
        advice=words.trouble(row["http_status"], row["last_error"] or "") if failing else "",
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
        ("Last news", words.ago(_time(row["last_changed_at"]), now) if row["last_changed_at"] else "none yet"),
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
        _time(row["fetched_at"]),
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


def tag_of(language: str | None) -> str | None:
    """A language tag that may stand in `lang` (BCP 47: two or three letters, then subtags), else None."""
    return language if language and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", language) else None


def _file(file: Row) -> File:
    url = str(file["url"])
    name = unquote(urlsplit(url).path.rpartition("/")[2]) or urlsplit(url).netloc
    return File(url, _cut(name, 80), str(file.get("type") or "").partition("/")[0], file.get("length"))


def _segments(text: str) -> Segments:
    """A text with the store's marks around the words found -> its pieces."""
    pieces = re.split("[\x02\x03]", text)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def _limited(segments: Segments, most: int) -> Segments:
    kept: Segments = []
    for text, found in segments:
        if most <= 0:
            break
        kept.append((text if len(text) <= most else text[: most - 1].rstrip() + "…", found))
        most -= len(text)
    return kept


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    shorter = text[: most - 1]
    # At the end of a word, unless that costs too much (as with a text that has no spaces).
    head = shorter.rpartition(" ")[0]
    return (head if len(head) > most * 0.7 else shorter).rstrip(" ,;:–-") + "…"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _hours(lead: str, other: str) -> float:
    return (_time(other) - _time(lead)).total_seconds() / 3600
