"""The articles: stored as new, or as a revision of the one they were. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aggregator import clean
from aggregator.digest import Item
from aggregator.model import Article, Source, Verdict
from aggregator.store import index
from aggregator.store.postings import Postings
from aggregator.store.times import to_text

# The columns of an article that its feed decides, in the order of `content`.
CONTENT = (
    "url", "title", "author", "summary", "content_html", "content_text", "removed_text", "categories", "enclosures",
    "language", "word_count",
)  # fmt: skip
SOURCE = (  # a row as `source` gives it
    "INSERT OR REPLACE INTO _sources (article_id, hash, entry, removed, source, credits, rules, faint) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
VERDICT = (  # a row as `verdict` gives it
    "INSERT OR REPLACE INTO _verdicts (article_id, against_id, kind, reason, similarity, other, shared, decided_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
EDGES = "INSERT OR REPLACE INTO _edges VALUES (?, ?, ?)"  # a row as `edges` gives it


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of an item."""

    article: int
    change: Literal["new", "changed", "same"]
    fingerprint: tuple[int, ...] = ()


class Articles:
    """The tables articles, _sources and _edges."""

    def __init__(self, stored: Postings) -> None:
        self._index = stored
        self.connection = stored.connection

    def revise(self, row: sqlite3.Row, item: Item, now: datetime) -> Saved:
        """Stores an item as a revision of the article in `row`, as `stored` gave it."""
        article, number = item.article, row["id"]
        changed = (row["content_text"], row["title"]) != (article.content_text, article.title)
        different = [(name, value) for name, value in zip(CONTENT, content(article), strict=True) if row[name] != value]
        if changed:
            said = article.updated if article.updated and article.updated <= now else now
            different.append(("updated_at", max(to_text(said), row["updated_at"])))
        if different:
            self.connection.execute(
                f"UPDATE articles SET {', '.join(f'{name} = ?' for name, _ in different)} WHERE id = ?",
                (*(value for _, value in different), number),
            )
        self.connection.execute(SOURCE, source(number, item))
        self.connection.execute(EDGES, edges(number, row["feed_id"], article))
        # The same text may have another one: what the feed repeats has become more, or less.
        before, after = index.indexed(row), index.found_by(article.fingerprint, article.content_text)
        if before != after:
            self._index.remove(number, before)
            self._index.add(number, after)
        return Saved(number, "changed" if changed else "same", article.fingerprint)

    def stored(self, feed: int, article: Article, guids: Collection[str]) -> sqlite3.Row | None:
        """The article that this one is a revision of; `guids` are all ids in its document."""
        query = "SELECT articles.*, faint FROM articles JOIN _sources ON article_id = id WHERE "
        row: sqlite3.Row | None = self.connection.execute(
            query + "feed_id = ? AND guid = ?", (feed, article.guid)
        ).fetchone()
        if row is not None:
            return row
        # Some feeds give an entry another id at every fetch: then the id we know is gone from the document, and the
        # article with the same address and the same title or text is this one.
        rows = self.connection.execute(
            query + "url = ? AND +feed_id = ? AND (title = ? OR content_text = ?) LIMIT 3",  # "+": by the index of url
            (article.url, feed, article.title, article.content_text),
        ).fetchall()
        rows = [row for row in rows if row["guid"] not in guids]
        return rows[0] if len(rows) == 1 else None

    def forget_edges(self, feed: int) -> None:
        """Keeps only those of the articles that `Memory.habits` looks at."""
        self.connection.execute(
            "DELETE FROM _edges WHERE feed_id = ?1 AND article_id < "
            "(SELECT article_id FROM _edges WHERE feed_id = ?1 ORDER BY article_id DESC LIMIT 1 OFFSET ?2)",
            (feed, clean.habits.REMEMBERED - 1),
        )


def _origin(source: Source | None, base: str) -> str | None:
    """The feed an entry says it is from, made safe to show; None where it says nothing of use."""
    if source is None:
        return None
    safe = Source(
        clean.characters.line(source.title or "", 300) or None,
        clean.address(base, source.url),
        clean.address(base, source.home_page_url),
        clean.characters.line(source.guid or "", 1000) or None,
    )
    return json.dumps(safe._asdict(), ensure_ascii=False) if safe.title or safe.url or safe.home_page_url else None


def source(number: int, item: Item) -> tuple[object, ...]:
    """The row that goes with an article: its entry, so that cleaning can be redone, and what cleaning found."""
    article = item.article
    return (
        number,
        item.hash,
        item.packed,
        _json([{"rule": removal.rule, "text": removal.text} for removal in article.removed]),
        _origin(article.source, article.url),
        _json(article.credits),
        item.rules,
        _json(article.faint),
    )


def verdict(number: int, found: Verdict, decided_at: str) -> tuple[object, ...]:
    """The row that says why an article is, or is not, a copy."""
    shares = (found.similarity, found.other, found.shared)
    return number, found.against, found.kind, found.reason, *shares, decided_at


def edges(number: int, feed: int, article: Article) -> tuple[object, ...]:
    """The row with the blocks near an article's edges."""
    return number, feed, _json(article.edges)


def content(article: Article) -> tuple[str | int | None, ...]:
    """The values of CONTENT."""
    return (
        article.url,
        article.title,
        article.author,
        article.summary,
        article.content_html,
        article.content_text,
        article.removed_text,
        _json(article.categories),
        _json([{"url": e.url, "type": e.type, "length": e.length} for e in article.enclosures]),
        article.language,
        article.word_count,
    )


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def _json(values: Sequence[object]) -> str:
    return _encoded(values) if values else "[]"


def dates(article: Article, now: datetime) -> tuple[datetime, datetime]:
    """When it was published and updated: the feed's own word, but nothing is published in the future."""
    published = min(article.published or article.updated or now, now)
    updated = min(article.updated or published, now)
    return published, max(published, updated)
