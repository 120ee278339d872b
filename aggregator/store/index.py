"""What matching looks up (dedupe.Index), over the fingerprints in the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.dedupe import Candidate, Posting, Probe
from aggregator.store.hashes import text_hash
from aggregator.store.times import to_text

_COLUMNS = (
    "articles.id, articles.story_id, articles.feed_id, articles.title, articles.url, articles.content_text, "
    "feeds.title AS feed FROM articles JOIN feeds ON feeds.id = articles.feed_id "
)
_SOME = 8  # articles with the same address or text are looked at; a home page has thousands


def probe(connection: sqlite3.Connection, article: int) -> Probe:
    """A stored article as matching sees it."""
    row = connection.execute("SELECT * FROM articles WHERE id = ?", (article,)).fetchone()
    hashes = connection.execute("SELECT hash FROM _fingerprints WHERE article_id = ?", (article,))
    return Probe(row["feed_id"], row["title"], row["url"], row["content_text"], tuple(h[0] for h in hashes), article)


class StoreIndex:
    """Articles first seen since `since` and already in a story."""

    def __init__(self, connection: sqlite3.Connection, since: datetime) -> None:
        self.connection = connection
        self.since = to_text(since)

    def by_url(self, url: str) -> Sequence[Candidate]:
        """Articles with this address."""
        return self._candidates("WHERE articles.url = ? AND first_seen_at >= ?", (url, self.since))

    def by_text(self, text: str) -> Sequence[Candidate]:
        """Articles with exactly this text."""
        return self._candidates(
            "JOIN _sources ON article_id = articles.id WHERE text_hash = ? AND first_seen_at >= ?",
            (text_hash(text), self.since),
        )

    def postings(self, hashes: Sequence[int]) -> Iterable[Posting]:
        """Where these hashes were seen."""
        rows = self.connection.execute(
            "SELECT hash, article_id, story_id, feed_id FROM _fingerprints JOIN articles ON articles.id = article_id "
            "WHERE hash IN (SELECT value FROM json_each(?)) AND first_seen_at >= ? AND story_id IS NOT NULL",
            (json.dumps(list(hashes)), self.since),
        )
        return [Posting(*row) for row in rows]

    def load(self, articles: Sequence[int]) -> Sequence[Candidate]:
        """Articles by id, in the order asked for."""
        found = {
            candidate.article: candidate
            for candidate in self._candidates(
                "WHERE articles.id IN (SELECT value FROM json_each(?))", (json.dumps(list(articles)),), len(articles)
            )
        }
        return [found[article] for article in articles if article in found]

    def _candidates(self, where: str, values: tuple[object, ...], most: int = _SOME) -> list[Candidate]:
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} {where} AND story_id IS NOT NULL ORDER BY articles.id LIMIT ?", (*values, most)
        )
        return [Candidate(row[0], row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows]
