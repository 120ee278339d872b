"""The river of the pages: stories by time, narrowed by what a reader asks for.

A filter that few articles pass is answered from those articles, one that many pass by walking the stories in time until
a page is full (`_candidates`).
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from aggregator.store.query import to_match
from aggregator.store.read import Row
from aggregator.store.tags import HAS_TAG, TAGGED

FEW = 2000  # articles that pass a filter: up to here, they are gone through; beyond, the stories are
MARKS = ("\x02", "\x03")  # around a word that was found; stored texts have no control characters

_HTML_FOR_PICTURE = 20_000  # characters of an article in which a picture is looked for


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

    def of_articles(self, tagged: str = TAGGED) -> tuple[str, dict[str, object]]:
        """The part of a filter that single articles pass, as SQL; `tagged` is the condition for a tag."""
        conditions: list[str] = []
        values: dict[str, object] = {}
        if self.feed is not None:
            conditions.append("articles.feed_id = :feed")
            values["feed"] = self.feed
        if self.tag is not None:
            conditions.append(tagged)
            values["tags"] = json.dumps([self.tag])
        if self.language is not None:
            # A range on the index: the tag itself, or with subtags after a hyphen ("." is the character after it).
            conditions.append("(articles.language COLLATE NOCASE = :language "
                              "OR articles.language COLLATE NOCASE BETWEEN :language || '-' AND :language || '.')")  # fmt: skip
            values["language"] = self.language
        return " AND ".join(conditions), values


@dataclass(frozen=True, slots=True)
class River:
    """Queries on one connection."""

    connection: sqlite3.Connection

    def page(self, wanted: Wanted, most: int) -> tuple[list[Row], bool]:
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
            condition, more = wanted.of_articles(HAS_TAG)
            if condition:
                where.append(f"EXISTS (SELECT 1 FROM articles WHERE story_id = stories.id AND {condition})")
                values |= more
        if wanted.copied:
            where.append("stories.copies > 1")
        if wanted.before:
            where.append("(stories.published_at, stories.id) < (:published_at, :story)")
            values |= {"published_at": wanted.before.published_at, "story": wanted.before.story}
        # The stories are chosen first, so that only the articles of those shown are read.
        rows = [
            dict(row)
            for row in self.connection.execute(
                "SELECT stories.id, stories.title, stories.url, stories.published_at, stories.copies, lead.id AS article, "
                "lead.author, lead.summary, lead.language, lead.enclosures, lead.feed_id, feeds.title AS feed, "
                f"substr(lead.content_html, 1, {_HTML_FOR_PICTURE}) AS html FROM (SELECT stories.id FROM {chosen} "
                f"WHERE {' AND '.join(where)} ORDER BY stories.published_at DESC, stories.id DESC LIMIT :most) AS shown "
                "CROSS JOIN stories ON stories.id = shown.id "
                "CROSS JOIN articles AS lead ON lead.id = stories.lead_article_id "
                "CROSS JOIN feeds ON feeds.id = lead.feed_id ORDER BY stories.published_at DESC, stories.id DESC",
                values,
            )
        ]
        self._add_others(rows)
        if match and rows:
            self._add_found(rows, match)
        return rows, cut

    def _add_others(self, rows: list[Row]) -> None:
        """Says of each story who else has it."""
        copies: dict[int, list[Row]] = {row["id"]: [] for row in rows}
        for copy in self.connection.execute(
            "SELECT articles.id, story_id, articles.url, articles.published_at, feed_id, feeds.title AS feed "
            "FROM json_each(?) AS shown CROSS JOIN articles ON story_id = shown.value CROSS JOIN feeds ON feeds.id = feed_id "
            "ORDER BY articles.published_at, articles.id",
            (json.dumps([row["id"] for row in rows if row["copies"] > 1]),),
        ):
            copies[copy["story_id"]].append(dict(copy))
        for row in rows:
            row["others"] = [copy for copy in copies[row["id"]] if copy["id"] != row["article"]]

    def _add_found(self, rows: list[Row], match: str) -> None:
        """Says of each story what was found, in its lead if it is there, else in the first article that has it."""
        members = {row["id"]: [row["article"], *(copy["id"] for copy in row["others"])] for row in rows}
        found_in = self._found(match, [article for articles in members.values() for article in articles])
        for row in rows:
            row |= next((found_in[article] for article in members[row["id"]] if article in found_in), {})

    def _candidates(self, wanted: Wanted, match: str) -> tuple[list[int] | None, bool]:
        """The stories with an article that passes, and whether there are more; None where they are many, or all.

        Of what a search finds, only the newest articles are looked at: nobody reads on beyond, and all of those that
        have a common word are half of the file.
        """
        article, values = wanted.of_articles()
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
        rows = self.connection.execute(
            "SELECT articles_fts.rowid AS found_in, highlight(articles_fts, 0, :open, :close) AS found_title, "
            "snippet(articles_fts, 1, :open, :close, '…', 32) AS found_text, feeds.title AS found_feed FROM articles_fts "
            "CROSS JOIN articles ON articles.id = articles_fts.rowid CROSS JOIN feeds ON feeds.id = feed_id "
            f"WHERE {_AMONG}",
            {**_among(match, articles), "open": MARKS[0], "close": MARKS[1]},
        )
        return {row["found_in"]: dict(row) for row in rows}


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
