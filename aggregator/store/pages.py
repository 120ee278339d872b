"""What the pages show: read-only queries, each bounded, over a connection of its own.

A person waits for the answer, so no query may walk the whole file: a filter that few articles pass is answered from
those articles, one that many pass by walking the stories in time until a page is full (`_candidates`). What is slow
nevertheless is stopped after `PATIENCE` seconds.
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
from typing import NamedTuple

from aggregator import dedupe
from aggregator.errors import StoreError
from aggregator.store.database import open_reader
from aggregator.store.index import StoreIndex, probe
from aggregator.store.postings import Stored
from aggregator.store.query import to_match
from aggregator.store.read import Row
from aggregator.store.tags import HAS_TAG, TAGGED
from aggregator.store.times import to_text

PATIENCE = 3.0  # seconds
FEW = 2000  # articles that pass a filter: up to here, they are gone through; beyond, the stories are
MARKS = ("\x02", "\x03")  # around a word that was found; stored texts have no control characters

_HTML_FOR_PICTURE = 20_000  # characters of an article in which a picture is looked for


class Slow(StoreError):
    """A query was stopped because a person would not wait that long."""


class Before(NamedTuple):
    """Where a page of the river begins: after the story published then, with this number."""

    published_at: str
    story: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stories the river shows: those with an article of `feed` with `tag`, in `language`, found by `query`."""

    query: str = ""
    feed: int | None = None
    tag: str | None = None
    language: str | None = None
    copied: bool = False
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """Queries on one connection."""

    connection: sqlite3.Connection

    def river(self, wanted: Wanted, most: int) -> tuple[list[Row], bool]:
        """Stories, the newest first, each with its lead, and in `others` who else has it, in the order of publication.

        With a query, `found_title` and `found_text` have the words found between MARKS. The second value says whether
        more articles were found than were looked at (see `_candidates`).
        """
        match = to_match(wanted.query)
        if wanted.query.strip() and not match:
            return [], False
        chosen, where = "stories", ["stories.published_at > ''"]
        values: dict[str, object] = {"most": most}
        found, cut = self._candidates(wanted, match)
        if found is not None:
            chosen = "json_each(:found) AS found CROSS JOIN stories ON stories.id = found.value"
            values["found"] = json.dumps(found)
        else:
            condition, more = _of_articles(wanted, HAS_TAG)
            if condition:
                where.append(f"EXISTS (SELECT 1 FROM articles WHERE story_id = stories.id AND {condition})")
                values |= more
        if wanted.copied:
            where.append("stories.copies > 1")
        if wanted.before:
            where.append("(stories.published_at, stories.id) < (:published_at, :story)")
            values |= {"published_at": wanted.before.published_at, "story": wanted.before.story}
        # The stories are chosen first, so that only the articles of those shown are read.
        rows = self._rows(
            "SELECT stories.id, stories.title, stories.url, stories.published_at, stories.copies, lead.id AS article, "
            "lead.author, lead.summary, lead.language, lead.enclosures, lead.feed_id, feeds.title AS feed, "
            f"substr(lead.content_html, 1, {_HTML_FOR_PICTURE}) AS html FROM (SELECT stories.id FROM {chosen} "
            f"WHERE {' AND '.join(where)} ORDER BY stories.published_at DESC, stories.id DESC LIMIT :most) AS shown "
            "CROSS JOIN stories ON stories.id = shown.id CROSS JOIN articles AS lead ON lead.id = stories.lead_article_id "
            "CROSS JOIN feeds ON feeds.id = lead.feed_id ORDER BY stories.published_at DESC, stories.id DESC",
            values,
        )
        copies: dict[int, list[Row]] = {row["id"]: [] for row in rows}
        for copy in self._rows(
            "SELECT articles.id, story_id, articles.url, articles.published_at, feed_id, feeds.title AS feed "
            "FROM json_each(?) AS shown CROSS JOIN articles ON story_id = shown.value CROSS JOIN feeds ON feeds.id = feed_id "
            "ORDER BY articles.published_at, articles.id",
            (json.dumps([row["id"] for row in rows if row["copies"] > 1]),),
        ):
            copies[copy["story_id"]].append(copy)
        for row in rows:
            row["others"] = [copy for copy in copies[row["id"]] if copy["id"] != row["article"]]
        if match and rows:
            members = {row["id"]: [row["article"], *(copy["id"] for copy in row["others"])] for row in rows}
            found_in = self._found(match, [article for articles in members.values() for article in articles])
            for row in rows:
                row |= next((found_in[article] for article in members[row["id"]] if article in found_in), {})
        return rows, cut

    def _candidates(self, wanted: Wanted, match: str) -> tuple[list[int] | None, bool]:
        """The stories with an article that passes, and whether there are more; None where they are many, or all.

        Of what a search finds, only the newest articles are looked at: nobody reads on beyond, and all of those that
        have a common word are half of the file.
        """
        article, values = _of_articles(wanted)
        if article:
            rows = self.connection.execute(
                f"SELECT id, story_id FROM articles WHERE {article} AND story_id IS NOT NULL LIMIT {FEW + 1}", values
            ).fetchall()
            if len(rows) <= FEW:
                passed = {row[0] for row in self._matches(match, [row[0] for row in rows])} if match else None
                return sorted({row[1] for row in rows if passed is None or row[0] in passed}), False
        if not match:
            return None, False
        hits = [row[0] for row in self._matches(match)]
        among = self.connection.execute(
            "SELECT DISTINCT story_id FROM json_each(:hits) AS hit CROSS JOIN articles ON articles.id = hit.value "
            f"WHERE story_id IS NOT NULL {'AND ' + article if article else ''}",
            {**values, "hits": json.dumps(hits[:FEW])},
        )
        return [row[0] for row in among], len(hits) > FEW

    def _matches(self, match: str, among: list[int] | None = None) -> sqlite3.Cursor:
        """Articles that a search finds, the newest first: of these, or a few of all."""
        if among is not None:
            return self.connection.execute(f"SELECT rowid FROM articles_fts WHERE {_AMONG}", _among(match, among))
        return self.connection.execute(
            "SELECT rowid FROM articles_fts WHERE articles_fts MATCH ? ORDER BY rowid DESC LIMIT ?", (match, FEW + 1)
        )

    def _found(self, match: str, articles: list[int]) -> dict[int, Row]:
        """Title and snippet of these articles with the words found marked, where these are."""
        rows = self._rows(
            "SELECT articles_fts.rowid AS found_in, highlight(articles_fts, 0, :open, :close) AS found_title, "
            "snippet(articles_fts, 1, :open, :close, '…', 32) AS found_text, feeds.title AS found_feed FROM articles_fts "
            "CROSS JOIN articles ON articles.id = articles_fts.rowid CROSS JOIN feeds ON feeds.id = feed_id "
            f"WHERE {_AMONG}",
            {**_among(match, articles), "open": MARKS[0], "close": MARKS[1]},
        )
        return {row["found_in"]: row for row in rows}

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


# To look for each article by itself (rowid = …) would work out a prefix anew each time; "+" keeps SQLite from it.
_AMONG = (
    "articles_fts MATCH :match AND articles_fts.rowid BETWEEN :low AND :high "
    "AND +articles_fts.rowid IN (SELECT value FROM json_each(:among))"
)


def _among(match: str, articles: list[int]) -> dict[str, object]:
    return {
        "match": match,
        "low": min(articles, default=0),
        "high": max(articles, default=0),
        "among": json.dumps(articles),
    }


def _of_articles(wanted: Wanted, tagged: str = TAGGED) -> tuple[str, dict[str, object]]:
    """The part of a filter that single articles pass, as SQL; `tagged` is the condition for a tag."""
    conditions: list[str] = []
    values: dict[str, object] = {}
    if wanted.feed is not None:
        conditions.append("articles.feed_id = :feed")
        values["feed"] = wanted.feed
    if wanted.tag is not None:
        conditions.append(tagged)
        values["tags"] = json.dumps([wanted.tag])
    if wanted.language is not None:
        # A range on the index: the tag itself, or with subtags after a hyphen ("." is the character after it).
        conditions.append("(articles.language COLLATE NOCASE = :language "
                          "OR articles.language COLLATE NOCASE BETWEEN :language || '-' AND :language || '.')")  # fmt: skip
        values["language"] = wanted.language
    return " AND ".join(conditions), values
