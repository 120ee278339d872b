"""The river: stories by time, what narrows it, and what to do where it is empty."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from aggregator import picture
from aggregator.page import content, parts, words
from aggregator.page.asked import Asked, cursor
from aggregator.page.parts import Row

Segments = list[tuple[str, bool]]  # a text in pieces: (piece, whether it was searched for)

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


def view(asked: Asked, rows: Sequence[Row], more: bool, choices: Choices, now: datetime) -> River:
    """The river; `rows` are the stories of this page, `more` says whether others follow."""
    cards = [_card(row) for row in rows]
    days = [
        Day(f"{date}", words.day(date, now.date()), list(cards_of_day))
        for date, cards_of_day in groupby(cards, key=lambda card: card.published.date())
    ]
    names = {feed["id"]: feed["title"] for feed in choices.feeds}
    chips = []
    if asked.q:
        chips.append(Chip(f"“{parts.cut(asked.q, 80)}”", asked.address(q="", before="")))
    if asked.tag:
        chips.append(Chip(f"tag: {parts.cut(asked.tag, 60)}", asked.address(tag="", before="")))
    if asked.feed is not None:
        chips.append(
            Chip(f"feed: {parts.cut(names.get(asked.feed, str(asked.feed)), 60)}", asked.address(feed=None, before=""))
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
        return f"Stories with “{parts.cut(asked.q, 80)}”"
    if asked.feed is not None:
        return f"Stories in {parts.cut(names.get(asked.feed, f'feed {asked.feed}'), 80)}"
    if asked.tag:
        return f"Stories tagged {parts.cut(asked.tag, 60)}"
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
            return [f"No feed has the tag “{parts.cut(asked.tag, 60)}”."], []
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
        Other(
            copy["id"], parts.cut(copy["feed"], 50), words.later(parts.hours(row["published_at"], copy["published_at"]))
        )
        for copy in row["others"]
    ]
    in_lead = row.get("found_in") in (None, row["article"])
    title = _segments(row["found_title"]) if row.get("found_title") and in_lead else [(row["title"], False)]
    text = _segments(row["found_text"]) if row.get("found_text") else [(parts.cut(row["summary"], _SUMMARY), False)]
    return Card(
        id=row["id"],
        title=_limited(title, _TITLE),
        plain_title=parts.cut(row["title"], _TITLE),
        url=row["url"],
        feed_id=row["feed_id"],
        feed=parts.cut(row["feed"], 50),
        published=parts.time_of(row["published_at"]),
        summary=_limited(text, _SUMMARY + 120),
        language=parts.tag_of(row["language"]),
        picture=_picture(row),
        others=others,
        found_in=None if in_lead else parts.cut(row["found_feed"], 80),
    )


def _picture(row: Row) -> str | None:
    for file in json.loads(row["enclosures"]):
        if str(file.get("type") or "").startswith("image/") and content.is_web_address(file["url"]):
            return str(file["url"])
    return picture.first(row["html"])


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
