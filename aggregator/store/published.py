"""What is published: the stories of the merged feeds and of their archive, ready for the writers."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from aggregator.filters import Filter, Subject
from aggregator.iri import host
from aggregator.model import Copy, Enclosure, Source, Story
from aggregator.store.tags import HAS_TAG
from aggregator.store.times import from_text

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
class Published:
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

    def names(self) -> Iterator[tuple[str, str, str, str | None]]:
        """(configured URL, title, URL, home page) of all feeds."""
        rows = self.connection.execute("SELECT configured_url, title, url, home_page_url FROM feeds")
        return (tuple(row) for row in rows)

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
