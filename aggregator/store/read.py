"""What the commands and the daemon show: read-only queries over the promised tables and views."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aggregator.store.times import from_text

Row = dict[str, Any]

RANKED = 1000  # of the articles that a search finds, the newest
READ = 10_000  # articles that a search without an index reads

_FOUND = (
    "articles.story_id, articles.id AS article_id, articles.published_at, feeds.title AS feed, articles.title, "
    "articles.url, stories.copies, stories.lead_article_id = articles.id AS leads"
)


@dataclass(frozen=True, slots=True)
class Read:
    """Queries on one connection."""

    connection: sqlite3.Connection

    def feeds(self) -> list[Row]:
        """All feeds, by title."""
        return _rows(self.connection.execute("SELECT * FROM feeds ORDER BY title, id"))

    def gauges(self, now: datetime) -> Row:
        """Numbers of feeds by state, of failing ones, how long the one longest due has waited, and what is stored."""
        rows = self.connection.execute(
            "SELECT state, count(*) AS feeds, sum(failures > 0) AS failing, min(next_poll_at) AS first FROM feeds GROUP BY 1"
        ).fetchall()
        active = next((row for row in rows if row["state"] == "active"), None)
        waited = (now - from_text(active["first"])).total_seconds() if active else 0.0
        return {
            "feeds": {row["state"]: row["feeds"] for row in rows},
            "failing": active["failing"] if active else 0,
            "overdue": max(0.0, waited),
            **{name: self.counts()[name] for name in ("articles", "stories")},
        }

    def health(self) -> list[Row]:
        """The view feed_health."""
        return _rows(self.connection.execute("SELECT * FROM feed_health"))

    def latest(self, most: int, only_copied: bool = False) -> list[Row]:
        """The view latest."""
        where = "WHERE copies > 1" if only_copied else ""
        return _rows(self.connection.execute(f"SELECT * FROM latest {where} LIMIT ?", (most,)))

    def examples(self) -> list[Row]:
        """The table examples."""
        return _rows(self.connection.execute("SELECT name, question, sql FROM examples ORDER BY id"))

    def answer(self, query: str) -> list[Row]:
        """The rows of one of them."""
        return _rows(self.connection.execute(query))

    def search(self, match: str, most: int, copies: bool = False) -> list[Row]:
        """The best of the newest articles that an FTS5 query finds, one for each story unless `copies` is set.

        Only the newest are ranked: to rank the million that have a common word would take seconds, and nobody reads on.
        """
        cursor = self.connection.execute(
            f"SELECT {_FOUND}, snippet(articles_fts, 1, '', '', ' … ', 16) AS snippet FROM articles_fts "
            "JOIN articles ON articles.id = articles_fts.rowid JOIN stories ON stories.id = articles.story_id "
            "JOIN feeds ON feeds.id = articles.feed_id WHERE articles_fts MATCH ?1 AND articles_fts.rowid >= "
            "(SELECT min(rowid) FROM (SELECT rowid FROM articles_fts WHERE articles_fts MATCH ?1 "
            "ORDER BY rowid DESC LIMIT ?2)) ORDER BY articles_fts.rank",
            (match, RANKED),
        )
        return _first(cursor, most, copies)

    def search_letters(self, words: Sequence[str], most: int, copies: bool = False) -> list[Row]:
        """The newest articles that have all these character by character, among the READ newest: for Chinese and Thai."""
        cursor = self.connection.execute(
            f"SELECT {_FOUND}, substr(content_text, max(1, instr(content_text, ?1) - 20), 60) AS snippet FROM articles "
            "JOIN stories ON stories.id = articles.story_id JOIN feeds ON feeds.id = articles.feed_id "
            "WHERE articles.id > (SELECT max(id) FROM articles) - ?2 AND NOT EXISTS (SELECT 1 FROM json_each(?3) AS word "
            "WHERE instr(articles.title, word.value) = 0 AND instr(content_text, word.value) = 0) "
            "ORDER BY articles.id DESC",
            (words[0], READ, json.dumps(list(words))),
        )
        return _first(cursor, most, copies)

    def article(self, name: str) -> Row | None:
        """The article with this id, address or guid."""
        query = (
            "SELECT articles.*, feeds.title AS feed, feeds.url AS feed_url, feeds.role, feeds.configured_url, "
            "_sources.removed, _sources.credits, _verdicts.kind, _verdicts.reason, _verdicts.against_id, _verdicts.other, "
            "_verdicts.shared FROM articles JOIN feeds ON feeds.id = feed_id "
            "LEFT JOIN _sources ON _sources.article_id = articles.id "
            "LEFT JOIN _verdicts ON _verdicts.article_id = articles.id WHERE "
        )
        conditions = [("articles.url = ?", name), ("guid = ?", name)]
        if name.isascii() and name.isdigit() and len(name) < 19:
            conditions.insert(0, ("articles.id = ?", name))
        for condition, value in conditions:
            rows = _rows(self.connection.execute(query + condition + " ORDER BY articles.id LIMIT 1", (value,)))
            if rows:
                return rows[0]
        return None

    def story(self, story: int) -> Row | None:
        """A story with the reason for its lead."""
        rows = _rows(
            self.connection.execute(
                "SELECT stories.*, reason AS lead_reason FROM stories LEFT JOIN _leads ON story_id = id WHERE id = ?",
                (story,),
            )
        )
        return rows[0] if rows else None

    def members(self, story: int) -> list[Row]:
        """The articles of a story, first published first."""
        return _rows(
            self.connection.execute(
                "SELECT articles.id, articles.title, articles.url, feeds.title AS feed, articles.published_at, "
                "articles.similarity, kind, reason, articles.id = lead_article_id AS leads FROM articles "
                "JOIN feeds ON feeds.id = feed_id JOIN stories ON stories.id = story_id "
                "LEFT JOIN _verdicts ON article_id = articles.id WHERE story_id = ? ORDER BY articles.published_at, articles.id",
                (story,),
            )
        )

    def named(self, articles: Sequence[int]) -> list[Row]:
        """Articles by number: id, title and feed."""
        return _rows(
            self.connection.execute(
                "SELECT articles.id, articles.title, feeds.title AS feed FROM articles JOIN feeds ON feeds.id = feed_id "
                "WHERE articles.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(articles)),),
            )
        )

    def duplicates(self, most: int) -> list[Row]:
        """The view duplicates."""
        return _rows(self.connection.execute("SELECT * FROM duplicates LIMIT ?", (most,)))

    def corrections(self, article: int) -> list[Row]:
        """What people said of an article."""
        return _rows(
            self.connection.execute(
                "SELECT kind, article_id, other_id, made_at FROM _corrections WHERE ? IN (article_id, other_id) ORDER BY 4",
                (article,),
            )
        )

    def copies_among(self, articles: Sequence[int]) -> int:
        """How many of these articles are not the lead of their story."""
        if not articles:
            return 0
        row = self.connection.execute(
            "SELECT count(*) FROM articles JOIN stories ON stories.id = story_id "
            "WHERE articles.id IN (SELECT value FROM json_each(?)) AND lead_article_id <> articles.id",
            (json.dumps(list(articles)),),
        ).fetchone()
        return int(row[0])

    def counts(self) -> Row:
        """How much there is."""
        return _rows(
            self.connection.execute(
                "SELECT (SELECT count(*) FROM feeds WHERE state <> 'disabled') AS feeds, "
                "(SELECT count(*) FROM articles) AS articles, (SELECT count(*) FROM stories) AS stories"
            )
        )[0]


def _first(cursor: sqlite3.Cursor, most: int, copies: bool) -> list[Row]:
    """The first rows of a search, one for each story unless `copies` is set."""
    found: dict[int, Row] = {}
    for row in cursor:
        found.setdefault(row["article_id"] if copies else row["story_id"], dict(row))
        if len(found) == most:
            break
    return list(found.values())


def _rows(cursor: sqlite3.Cursor) -> list[Row]:
    return [dict(row) for row in cursor.fetchall()]
