"""What is published and shown: read-only queries over the promised tables and views."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from aggregator.filters import Filter, Subject
from aggregator.iri import host
from aggregator.model import Copy, Enclosure, Source, Story
from aggregator.store.tags import HAS_TAG
from aggregator.store.times import from_text

Row = dict[str, Any]

RANKED = 1000  # of the articles that a search finds, the newest
READ = 10_000  # articles that a search without an index reads

_FOUND = (
    "articles.story_id, articles.id AS article_id, articles.published_at, feeds.title AS feed, articles.title, "
    "articles.url, stories.copies, stories.lead_article_id = articles.id AS leads"
)

_LONGEST = 2 * 2**20  # characters of an article's HTML in the merged feed; the file has all of it

_NONE = "[]"  # of categories or enclosures: most have none, and need no parser


@dataclass(frozen=True, slots=True)
class Choice:
    """Which stories an output shows: those with an article from one of `feeds` (None: of any) that has one of `tags`
    (none: whatever it has), and whose lead passes the patterns."""

    feeds: frozenset[int] | None = None
    tags: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def matcher(self) -> Callable[[str, str, str | None, str, str], bool]:
        """Whether a lead passes the patterns, from its title, text, author, categories (JSON) and url."""
        sieve = Filter(self.include, self.exclude)

        def chosen(title: str, text: str, author: str | None, categories: str, url: str) -> bool:
            return sieve.decide(Subject(title, text, author or "", json.loads(categories), url)).passes

        return chosen


@dataclass(frozen=True, slots=True)
class Read:
    """Queries on one connection."""

    connection: sqlite3.Connection

    def stories(self, most: int, choice: Choice | None = None) -> list[Story]:
        """The newest stories of a choice that the merged feed may show."""
        where, article = "WHERE _entries.held = 0", []
        if choice is not None and (choice.include or choice.exclude):
            self.connection.create_function("chosen", 5, choice.matcher(), deterministic=True)
            where += " AND chosen(lead.title, lead.content_text, lead.author, lead.categories, lead.url)"
        values: dict[str, object] = {"most": most}
        if choice is not None and choice.feeds is not None:
            article.append("articles.feed_id IN (SELECT value FROM json_each(:feeds))")
            values["feeds"] = json.dumps(sorted(choice.feeds))
        if choice is not None and choice.tags:
            article.append(HAS_TAG)
            values["tags"] = json.dumps(choice.tags)
        if article:
            where += f" AND EXISTS (SELECT 1 FROM articles WHERE story_id = stories.id AND {' AND '.join(article)})"
        return self._stories(f"{where} ORDER BY stories.published_at DESC, stories.id DESC LIMIT :most", values)

    def is_blank(self) -> bool:
        """Whether nothing is known yet: no story is stored, and none of the feeds has been polled with success."""
        [[blank]] = self.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM feeds WHERE state = 'active') AND NOT EXISTS (SELECT 1 FROM stories) "
            "AND NOT EXISTS (SELECT 1 FROM feeds WHERE last_fetched_at IS NOT NULL AND last_error IS NULL)"
        )
        return bool(blank)

    def archived(self, page: int) -> list[Story]:
        """The stories of an archive page, newest first."""
        where = "WHERE stories.id IN (SELECT story_id FROM _archive WHERE page = :page)"
        return self._stories(f"{where} ORDER BY stories.published_at DESC, stories.id DESC", {"page": page})

    def _stories(self, where: str, values: Mapping[str, object]) -> list[Story]:
        rows = self.connection.execute(
            "SELECT stories.*, lead.author, lead.summary, lead.content_html, lead.categories, lead.enclosures, "
            "lead.language, feeds.url AS feed_url, feeds.title AS feed_title, feeds.home_page_url AS feed_home, "
            "_feed_state.guid AS feed_guid, _sources.source, _entries.tie FROM stories "
            "JOIN _entries ON _entries.story_id = stories.id JOIN articles AS lead ON lead.id = stories.lead_article_id "
            "JOIN feeds ON feeds.id = lead.feed_id LEFT JOIN _feed_state ON _feed_state.feed_id = feeds.id "
            f"LEFT JOIN _sources ON _sources.article_id = lead.id {where}",
            values,
        ).fetchall()
        copies = self._copies([row["id"] for row in rows if row["copies"] > 1])
        return [_story(row, tuple(copies[row["id"]])) for row in rows]

    def _copies(self, stories: Sequence[int]) -> defaultdict[int, list[Copy]]:
        found: defaultdict[int, list[Copy]] = defaultdict(list)
        for row in self.connection.execute(
            "SELECT articles.*, feeds.title AS feed, source FROM articles JOIN feeds ON feeds.id = feed_id "
            "LEFT JOIN _sources ON article_id = articles.id JOIN stories ON stories.id = story_id "
            "WHERE story_id IN (SELECT value FROM json_each(?)) AND articles.id <> lead_article_id "
            "ORDER BY articles.published_at, articles.id",
            (json.dumps(list(stories)),),
        ):
            feed = (json.loads(row["source"])["title"] if row["source"] else None) or row["feed"]
            found[row["story_id"]].append(Copy(row["title"], row["url"], feed, from_text(row["published_at"])))
        return found

    def feeds(self) -> list[Row]:
        """All feeds, by title."""
        return _rows(self.connection.execute("SELECT * FROM feeds ORDER BY title, id"))

    def numbers(self) -> dict[str, int]:
        """Configured URL -> id, of all feeds."""
        return {
            row["configured_url"]: row["id"] for row in self.connection.execute("SELECT id, configured_url FROM feeds")
        }

    def names(self) -> Iterator[tuple[str, str, str, str | None]]:
        """(configured URL, title, URL, home page) of all feeds."""
        rows = self.connection.execute("SELECT configured_url, title, url, home_page_url FROM feeds")
        return (tuple(row) for row in rows)

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


def _story(row: sqlite3.Row, copies: tuple[Copy, ...]) -> Story:
    feed = _source(row)
    return Story(
        id=row["id"],
        uid=row["uid"],
        title=row["title"],
        url=row["url"],
        published=from_text(row["published_at"]),
        # Validators warn of entries that changed at the very same time; times in the file are whole seconds.
        updated=from_text(row["updated_at"]).replace(microsecond=row["tie"] % 1_000_000),
        author=row["author"],
        summary=row["summary"],
        content_html=_content(row),
        categories=tuple(json.loads(row["categories"])) if row["categories"] != _NONE else (),
        enclosures=(
            tuple(Enclosure(**enclosure) for enclosure in json.loads(row["enclosures"]))
            if row["enclosures"] != _NONE
            else ()
        ),
        language=row["language"],
        feed_url=feed.url or row["feed_url"],
        feed_title=feed.title or row["feed_title"],
        feed_home=feed.home_page_url,
        feed_guid=feed.guid,
        copies=copies,
    )


def _content(row: sqlite3.Row) -> str:
    """The article's HTML; of a book its summary: every subscriber would fetch it again with each change of the feed."""
    content: str = row["content_html"]
    if len(content) <= _LONGEST:
        return content
    return f'<p>{escape(row["summary"])}</p><p><a href="{escape(row["url"])}">The whole text is at its source.</a></p>'


def _source(row: sqlite3.Row) -> Source:
    """The feed a story is from: what the entry says, where a planet republished it, else the feed that had it."""
    if row["source"]:
        said = Source(**json.loads(row["source"]))
        title = said.title or host(said.home_page_url or said.url or "")
        return Source(title, said.url or said.home_page_url, said.home_page_url, said.guid)
    return Source(row["feed_title"], row["feed_url"], row["feed_home"], row["feed_guid"])
