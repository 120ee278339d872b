"""What matching looks up (dedupe.Index), over the fingerprints in the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from aggregator import dedupe
from aggregator.dedupe import Candidate, Posting, Probe
from aggregator.model import Article
from aggregator.store.hashes import text_hash
from aggregator.store.times import to_text

_COLUMNS = (
    "articles.id, articles.story_id, articles.feed_id, articles.title, articles.url, articles.content_text, "
    "feeds.title AS feed, articles.enclosures FROM articles JOIN feeds ON feeds.id = articles.feed_id "
)
POSTINGS = 24  # articles one hash is kept for
_SOME = 8  # articles with the same address or text are looked at; a home page has thousands
_MEDIA = ("audio/", "video/")
# What a fingerprint is made of, as columns and FROM.
FINGERPRINTED = "title, content_text, faint FROM articles LEFT JOIN _sources ON article_id = articles.id"


def fingerprint(row: sqlite3.Row) -> tuple[int, ...]:
    """That of a stored article, from a row with the columns of FINGERPRINTED: as it was when it was put in.

    Not read from the index: of a hash that is boilerplate, only the first articles are there.
    """
    return dedupe.hashes(row["content_text"], row["title"], json.loads(row["faint"] or "[]"))


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


def candidates(connection: sqlite3.Connection, where: str, values: Sequence[object], most: int) -> list[Candidate]:
    """Stored articles as the other side of a comparison; `where` is SQL after FROM articles."""
    rows = connection.execute(f"SELECT {_COLUMNS} {where} ORDER BY articles.id LIMIT ?", (*values, most))
    return [Candidate(r[0], r[1], r[2], r[3], r[4], r[5], r[6], _media(r[7])) for r in rows.fetchall()]


def insert(connection: sqlite3.Connection, article: int, hashes: Iterable[int]) -> None:
    """Puts an article into the index. A hash with POSTINGS articles is boilerplate and needs no more."""
    connection.executemany(
        "INSERT OR IGNORE INTO _fingerprints SELECT ?1, ?2 "
        f"WHERE (SELECT 1 FROM _fingerprints WHERE hash = ?1 LIMIT 1 OFFSET {POSTINGS - 1}) IS NULL",
        ((value, article) for value in hashes),
    )


def remove(connection: sqlite3.Connection, article: int, hashes: Sequence[int]) -> None:
    """Takes an article out of the index; `hashes` are those of the text it was put in with."""
    connection.executemany(
        "DELETE FROM _fingerprints WHERE hash = ? AND article_id = ?", ((value, article) for value in hashes)
    )


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


def sweep(connection: sqlite3.Connection, since: datetime, most: int = 50_000) -> int:
    """Takes some of what is older than the window out of the index, from where the last sweep ended; gives how many.

    It goes round by hash, not by article: that needs no second index, which would double the size of this one.
    """
    row = connection.execute("SELECT hash FROM _sweep").fetchone()
    hand = row[0] if row else -1
    end = connection.execute(
        "SELECT hash FROM _fingerprints WHERE hash > ? ORDER BY hash LIMIT 1 OFFSET ?", (hand, most)
    ).fetchone()
    upto = end[0] if end else 2**62
    gone = connection.execute(
        "DELETE FROM _fingerprints WHERE hash > ? AND hash <= ? AND article_id < ?",
        (hand, upto, first_since(connection, since)),
    ).rowcount
    connection.execute("INSERT OR REPLACE INTO _sweep (id, hash) VALUES (1, ?)", (upto if end else -1,))
    return gone


class StoreIndex:
    """Articles first seen since `since`, else all, and already in a story.

    `first` is the lowest id of these; `known`: the hashes that may be in the index, where that was asked for.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        since: datetime | None = None,
        first: int | None = None,
        known: Collection[int] | None = None,
    ) -> None:
        self.connection = connection
        self.since = to_text(since) if since else ""
        self.first = (first_since(connection, since) if since else 0) if first is None else first
        self.known = known

    def by_url(self, urls: Sequence[str]) -> Sequence[Candidate]:
        """Articles with one of these addresses."""
        return self._candidates(
            "WHERE articles.url IN (SELECT value FROM json_each(?)) AND first_seen_at >= ?", json.dumps(list(urls))
        )

    def by_text(self, text: str) -> Sequence[Candidate]:
        """Articles with exactly this text."""
        where = "JOIN _sources ON article_id = articles.id WHERE text_hash = ? AND first_seen_at >= ?"
        return self._candidates(where, text_hash(text))

    def postings(self, hashes: Sequence[int]) -> Iterable[Posting]:
        """Where these hashes were seen."""
        if self.known is not None:
            hashes = [value for value in hashes if value in self.known]
        rows = self.connection.execute(
            "SELECT hash, article_id, story_id, feed_id FROM _fingerprints JOIN articles ON articles.id = article_id "
            "WHERE hash IN (SELECT value FROM json_each(?)) AND article_id >= ? AND story_id IS NOT NULL",
            (json.dumps(list(hashes)), self.first),
        )
        return [Posting(*row) for row in rows]

    def boilerplate(self, hashes: Sequence[int], feed: int) -> Collection[int]:
        """Those that are known as boilerplate, everywhere (feed 0) or in this feed."""
        rows = self.connection.execute(
            "SELECT hash FROM _boilerplate WHERE hash IN (SELECT value FROM json_each(?)) AND feed_id IN (0, ?)",
            (json.dumps(list(hashes)), feed),
        )
        return {row[0] for row in rows}

    def seen(self, hashes: Sequence[int]) -> int:
        """In how many stories the most frequent of these hashes is known; no more than POSTINGS are counted."""
        row = self.connection.execute(
            "SELECT max(stories) FROM (SELECT count(DISTINCT story_id) AS stories FROM _fingerprints "
            "JOIN articles ON articles.id = article_id WHERE hash IN (SELECT value FROM json_each(?)) GROUP BY hash)",
            (json.dumps(list(hashes)),),
        ).fetchone()
        return int(row[0] or 0)

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

    def _candidates(self, where: str, value: object) -> list[Candidate]:
        return candidates(self.connection, f"{where} AND story_id IS NOT NULL", (value, self.since), _SOME)


def _media(enclosures: str) -> tuple[str, ...]:
    if enclosures == "[]":
        return ()
    return tuple(e["url"] for e in json.loads(enclosures) if (e.get("type") or "").startswith(_MEDIA))
