"""What the pages show: read-only queries, each bounded, over a connection of its own.

A person waits for the answer, so no query may walk the whole file. What is slow nevertheless is stopped after
`PATIENCE` seconds.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aggregator import dedupe
from aggregator.errors import StoreError
from aggregator.store.database import open_reader
from aggregator.store.index import StoreIndex, probe
from aggregator.store.postings import Stored
from aggregator.store.read import Row
from aggregator.store.river import River, Wanted
from aggregator.store.times import to_text

PATIENCE = 3.0  # seconds


class Slow(StoreError):
    """A query was stopped because a person would not wait that long."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Queries on one connection."""

    connection: sqlite3.Connection

    def river(self, wanted: Wanted, most: int) -> tuple[list[Row], bool]:
        """The stories of a page of the river, and whether more were found than were looked at (see `River.page`)."""
        return River(self.connection).page(wanted, most)

    def languages(self) -> list[str]:
        """The languages there are, by their first subtag; a jump per language, not a look at every article."""
        rows = self.connection.execute(
            "WITH RECURSIVE known(tag) AS (VALUES ('') UNION ALL SELECT (SELECT language FROM articles "
            "WHERE language COLLATE NOCASE > known.tag ORDER BY language COLLATE NOCASE LIMIT 1) FROM known "
            "WHERE known.tag IS NOT NULL) SELECT tag FROM known LIMIT 200"
        )
        return sorted({row[0].partition("-")[0].lower() for row in rows if row[0]})

    def counts(self) -> Row:
        """How many feeds are polled and how many failed last; how many stories and articles there are."""
        return self._rows(
            "SELECT (SELECT count(*) FROM feeds WHERE state = 'active') AS feeds, "
            "(SELECT count(*) FROM feeds WHERE state = 'active' AND last_error IS NOT NULL) AS failing, "
            "(SELECT count(*) FROM stories) AS stories, (SELECT count(*) FROM articles) AS articles, "
            "(SELECT max(last_fetched_at) FROM feeds) AS last_fetched_at"
        )[0]

    def story(self, story: int) -> Row | None:
        """A story with the reason for its lead; None where there is none."""
        rows = self._rows(
            "SELECT stories.*, reason AS lead_reason FROM stories LEFT JOIN _leads ON story_id = id WHERE id = ?",
            (story,),
        )
        return rows[0] if rows else None

    def members(self, story: int, most: int) -> list[Row]:
        """The articles of a story without their texts, the first published first, the lead never left out."""
        return self._rows(
            "SELECT * FROM (SELECT articles.id, articles.title, articles.url, articles.author, articles.language, "
            "articles.word_count, articles.published_at, articles.first_seen_at, feed_id, feeds.title AS feed, "
            "feeds.role, kind, reason, against_id, _verdicts.similarity, other, shared, "
            "articles.id = lead_article_id AS leads FROM articles JOIN feeds ON feeds.id = feed_id "
            "JOIN stories ON stories.id = story_id LEFT JOIN _verdicts ON article_id = articles.id "
            "WHERE story_id = ? ORDER BY leads DESC, articles.published_at, articles.id LIMIT ?) ORDER BY published_at, id",
            (story, most),
        )

    def article(self, article: int, most: int) -> Row:
        """The texts of an article, of each at most `most` characters, and what was removed from it: {rule, text}."""
        [row] = self._rows(
            "SELECT articles.id, feed_id, title, url, author, language, enclosures, categories, word_count, "
            "iif(length(content_html) > :most, NULL, content_html) AS content_html, "
            "substr(content_text, 1, :most) AS content_text, length(content_text) > :most AS cut, removed "
            "FROM articles LEFT JOIN _sources ON article_id = articles.id WHERE articles.id = :article",
            {"article": article, "most": most},
        )
        row["removed"] = json.loads(row["removed"] or "[]")
        return row

    def boilerplate(self, article: int) -> list[str]:
        """The passages of an article that matching overlooks, since so many stories have them."""
        seen = probe(self.connection, article)
        known = dedupe.overlooked(seen, StoreIndex(Stored(self.connection)))
        return [passage.text for passage in dedupe.standing(dedupe.Text(seen.title, seen.text, known))]

    def feeds(self) -> list[Row]:
        """All feeds: id, title, configured_url and state, by title."""
        return self._rows("SELECT id, title, configured_url, state FROM feeds ORDER BY title COLLATE NOCASE, id")

    def health(self, most: int, skip: int) -> list[Row]:
        """Feeds with their last answer: those in trouble first, those that are off last."""
        return self._rows(f"{_HEALTH} ORDER BY state = 'disabled', failures > 0 DESC, state = 'gone' DESC, failures DESC, "
                          "feeds.title COLLATE NOCASE, feeds.id LIMIT ? OFFSET ?", (most, skip))  # fmt: skip

    def feed(self, feed: int) -> Row | None:
        """One feed with its last answer."""
        rows = self._rows(f"{_HEALTH} WHERE feeds.id = ?", (feed,))
        return rows[0] if rows else None

    def polls(self, feed: int, most: int) -> list[Row]:
        """The last polls of a feed, the newest first."""
        return self._rows(
            "SELECT * FROM fetches WHERE feed_id = ? ORDER BY fetched_at DESC, id DESC LIMIT ?", (feed, most)
        )

    def per_day(self, feeds: Collection[int], since: datetime) -> dict[int, dict[str, int]]:
        """How many articles these feeds published on each day ("2026-11-23"), by feed."""
        found: dict[int, dict[str, int]] = {feed: {} for feed in feeds}
        for feed, day, count in self.connection.execute(
            "SELECT feed_id, substr(published_at, 1, 10) AS day, count(*) FROM articles INDEXED BY articles_feed_published "
            "WHERE feed_id IN (SELECT value FROM json_each(?)) AND published_at >= ? GROUP BY feed_id, day",
            (json.dumps(list(feeds)), to_text(since)),
        ):
            found[feed][day] = count
        return found

    def copies(self, since: datetime) -> list[tuple[int, int, float]]:
        """Each copy since then: (feed that leads, feed that copied, hours later; negative where the copy was earlier)."""
        rows = self.connection.execute(
            "SELECT lead.feed_id, copy.feed_id, (julianday(copy.published_at) - julianday(lead.published_at)) * 24 "
            "FROM stories INDEXED BY stories_copied CROSS JOIN articles AS lead CROSS JOIN articles AS copy "
            "WHERE stories.copies > 1 AND stories.published_at >= ? AND lead.id = lead_article_id "
            "AND copy.story_id = stories.id AND copy.id <> lead.id",
            (to_text(since),),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def versions(self) -> Row:
        """SQLite's version, that of the schema, and the size of the file in bytes."""
        row = self._rows("SELECT sqlite_version() AS sqlite, page_count * page_size AS bytes FROM pragma_page_count(), "
                         "pragma_page_size()")[0]  # fmt: skip
        return row | {"schema": self.connection.execute("PRAGMA user_version").fetchone()[0]}

    def examples(self) -> list[Row]:
        """The table examples: questions people have, and the SQL that answers them."""
        return self._rows("SELECT question, sql FROM examples ORDER BY id")

    def _rows(self, query: str, values: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        return [dict(row) for row in self.connection.execute(query, values)]


_HEALTH = """
    SELECT feeds.*, last.http_status, last.duration_ms, last.bytes FROM feeds
    LEFT JOIN fetches AS last ON last.id = (SELECT id FROM fetches WHERE feed_id = feeds.id
                                            ORDER BY fetched_at DESC, id DESC LIMIT 1)"""


@contextlib.contextmanager
def open_pages(path: Path, patience: float = PATIENCE) -> Iterator[Pages]:
    """A read-only connection that sees one state of the file throughout.

    Raises Slow where the queries took more than `patience` seconds together, StoreError where the file can't be read.
    """
    with open_reader(path) as connection:
        until = time.monotonic() + patience
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        try:
            connection.execute("BEGIN")
            yield Pages(connection)
        except sqlite3.DatabaseError as error:
            if "interrupted" in str(error):
                raise Slow(f"stopped after {patience:g} s") from None
            raise StoreError(f"can't read {path}: {error}") from None
