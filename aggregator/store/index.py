"""What matching looks up (dedupe.Index), over the fingerprints in the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aggregator import dedupe
from aggregator.dedupe import Candidate, Posting, Probe
from aggregator.model import Article
from aggregator.store.hashes import text_hash
from aggregator.store.postings import Stored
from aggregator.store.times import to_text

_COLUMNS = (
    "articles.id, articles.story_id, articles.feed_id, articles.title, articles.url, articles.content_text, "
    "feeds.title AS feed, articles.enclosures FROM articles JOIN feeds ON feeds.id = articles.feed_id "
)
_SOME = 8  # articles with the same address or text are looked at; a home page has thousands
_MEDIA = ("audio/", "video/")
# What a fingerprint is made of, as columns and FROM.
FINGERPRINTED = "title, content_text, faint FROM articles LEFT JOIN _sources ON article_id = articles.id"


def fingerprint(row: sqlite3.Row) -> tuple[int, ...]:
    """That of a stored article, from a row with the columns of FINGERPRINTED: as it was when it was put in.

    Not read from the index: of a hash that is boilerplate, only the first articles are there.
    """
    return dedupe.hashes(row["content_text"], row["title"], json.loads(row["faint"] or "[]"))


def found_by(made: Sequence[int], text: str) -> tuple[int, ...]:
    """All hashes by which an article is found: its fingerprint, and that of its text."""
    return *made, text_hash(text)


def indexed(row: sqlite3.Row) -> tuple[int, ...]:
    """Those of a stored article."""
    return found_by(fingerprint(row), row["content_text"])


def probe(connection: sqlite3.Connection, article: int, made: tuple[int, ...] = ()) -> Probe:
    """A stored article as matching sees it; its fingerprint is made again where it is not at hand."""
    row = connection.execute(
        f"SELECT feed_id, url, enclosures, {FINGERPRINTED} WHERE articles.id = ?", (article,)
    ).fetchone()
    media = _media(row["enclosures"])
    made = made or fingerprint(row)
    return Probe(row["feed_id"], row["title"], row["url"], row["content_text"], made, article, media)


def newcomer(feed: int, article: Article) -> Probe:
    """An article that is not stored yet."""
    media = tuple(e.url for e in article.enclosures if (e.type or "").startswith(_MEDIA))
    return Probe(feed, article.title, article.url, article.content_text, article.fingerprint, media=media)


def known(hashed: Stored, feed: int, articles: Sequence[Article], texts: Mapping[str, int]) -> Known:
    """What the file has of a feed's new articles; `texts` are theirs, with their hashes."""
    connection = hashed.connection
    spellings = [url for article in articles for url in dedupe.addresses(article.url)]
    hashes = {value for article in articles for value in article.fingerprint}
    everywhere, in_feed = _boilerplate(connection, hashes, feed)
    postings = hashed.look_up({*hashes, *texts.values()} - everywhere)
    return Known(
        stored(connection, "articles WHERE url = value", spellings),
        {text for text, value in texts.items() if value in postings},
        postings,
        everywhere | in_feed,
        everywhere,
    )


def stored(connection: sqlite3.Connection, where: str, values: Iterable[object], *more: object) -> set[Any]:
    """Those of some values that a table has; `more` is for what else `where` asks for."""
    query = f"SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM {where})"
    return {row[0] for row in connection.execute(query, (json.dumps(list(values)), *more))}


def _boilerplate(
    connection: sqlite3.Connection, hashes: Collection[int], feed: int | None = None
) -> tuple[set[int], set[int]]:
    """Those that are known as boilerplate everywhere, and in this feed; without one, in any."""
    query = "SELECT hash, feed_id FROM json_each(?) CROSS JOIN _boilerplate ON hash = value"
    rows = connection.execute(query, (json.dumps(sorted(hashes)),)).fetchall()
    return {value for value, of in rows if not of}, {value for value, of in rows if of and feed in (None, of)}


def candidates(connection: sqlite3.Connection, where: str, values: Sequence[object], most: int) -> list[Candidate]:
    """Stored articles as the other side of a comparison; `where` is SQL after FROM articles."""
    rows = connection.execute(f"SELECT {_COLUMNS} {where} ORDER BY articles.id LIMIT ?", (*values, most))
    return [Candidate(r[0], r[1], r[2], r[3], r[4], r[5], r[6], _media(r[7])) for r in rows.fetchall()]


def first_since(connection: sqlite3.Connection, since: datetime) -> int:
    """The lowest id of the articles first seen since then: ids grow with time, so a few look-ups find it."""
    low, high = 0, int(connection.execute("SELECT ifnull(max(id), 0) FROM articles").fetchone()[0]) + 1
    limit = to_text(since)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, first_seen_at FROM articles WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row["first_seen_at"] >= limit:
            high = middle
        else:
            low = int(row["id"]) + 1
    return low


@dataclass(frozen=True, slots=True)
class Known:
    """What one look has told of all items of a document, so that most of them need no other."""

    urls: set[str]  # of their addresses, those that articles have
    texts: set[str]  # of their texts, those that articles have
    postings: dict[int, list[int]]  # of all their hashes, those that are in the index, and where: not of `everywhere`
    boilerplate: set[int]  # of their hashes, those known as such, everywhere or in their feed
    everywhere: set[int]  # of these, those that are known as such everywhere: where they stand tells nothing


class StoreIndex:
    """Articles first seen since `since`, else all, and already in a story.

    `first` is the lowest id of these; `known` answers for the items of one document, where it was asked for.
    """

    def __init__(
        self,
        hashed: Stored,
        since: datetime | None = None,
        first: int | None = None,
        known: Known | None = None,
    ) -> None:
        self._hashed = hashed
        self.connection = connection = hashed.connection
        self.since = to_text(since) if since else ""
        self.first = (first_since(connection, since) if since else 0) if first is None else first
        self.known = known

    def by_url(self, urls: Sequence[str]) -> Sequence[Candidate]:
        """Articles with one of these addresses."""
        if self.known is not None and self.known.urls.isdisjoint(urls):
            return ()
        return self._among("articles.url", urls)

    def by_text(self, text: str) -> Sequence[Candidate]:
        """Articles with exactly this text."""
        if self.known is not None and text not in self.known.texts:
            return ()
        value = text_hash(text)
        articles = self._hashed.look_up((value,)).get(value, [])
        found = self._among("articles.id", articles)
        return [candidate for candidate in found if candidate.text == text]

    def postings(self, hashes: Sequence[int]) -> Iterable[Posting]:
        """Where these hashes were seen, as far as that can matter."""
        if self.known is None:
            everywhere, in_feeds = _boilerplate(self.connection, hashes)
            boilerplate = everywhere | in_feeds  # whoever asks has a feed, and overlooks its own
            found = self._hashed.look_up([value for value in hashes if value not in everywhere])
        else:
            boilerplate, known = self.known.boilerplate, self.known.postings
            found = {value: known[value] for value in hashes if value in known}
        told = dedupe.telling(hashes, found, boilerplate)
        if not told:
            return []
        rows = self.connection.execute(
            "SELECT id, story_id, feed_id FROM articles "
            "WHERE id IN (SELECT value FROM json_each(?)) AND id >= ? AND story_id IS NOT NULL",
            (json.dumps([article for _, article in told]), self.first),
        )
        places = {row[0]: (row[1], row[2]) for row in rows}
        return [Posting(value, article, *places[article]) for value, article in told if article in places]

    def boilerplate(self, hashes: Sequence[int], feed: int) -> Collection[int]:
        """Those that are known as boilerplate, everywhere (feed 0) or in this feed."""
        if self.known is not None:
            return self.known.boilerplate.intersection(hashes)
        everywhere, in_feed = _boilerplate(self.connection, hashes, feed)
        return everywhere | in_feed

    def seen(self, hashes: Sequence[int]) -> int:
        """In how many stories, at least, the most frequent of these hashes is: no more are counted than tell that it is
        boilerplate, and what has left the window isn't."""
        everywhere, _ = _boilerplate(self.connection, hashes)
        found = self._hashed.look_up(hashes)
        count = "SELECT count(DISTINCT story_id) FROM articles WHERE id IN (SELECT value FROM json_each(?))"
        counted = [
            int(self.connection.execute(count, (json.dumps(articles),)).fetchone()[0]) for articles in found.values()
        ]
        return max([dedupe.STORIES if everywhere else dedupe.IN_FEED, *counted])

    def load(self, articles: Sequence[int]) -> Sequence[Candidate]:
        """Articles by id, in the order asked for."""
        if not articles:
            return ()
        where = "WHERE articles.id IN (SELECT value FROM json_each(?)) AND story_id IS NOT NULL"
        rows = candidates(self.connection, where, (json.dumps(list(articles)),), len(articles))
        found = {candidate.article: candidate for candidate in rows}
        return [found[article] for article in articles if article in found]

    def lead(self, story: int) -> Candidate | None:
        """The article that leads a story."""
        where = "WHERE articles.id = (SELECT lead_article_id FROM stories WHERE id = ?)"
        return next(iter(candidates(self.connection, where, (story,), 1)), None)

    def _among(self, column: str, values: Sequence[object]) -> list[Candidate]:
        where = f"WHERE {column} IN (SELECT value FROM json_each(?)) AND first_seen_at >= ? AND story_id IS NOT NULL"
        return candidates(self.connection, where, (json.dumps(list(values)), self.since), _SOME)


def _media(enclosures: str) -> tuple[str, ...]:
    if enclosures == "[]":
        return ()
    return tuple(e["url"] for e in json.loads(enclosures) if (e.get("type") or "").startswith(_MEDIA))
