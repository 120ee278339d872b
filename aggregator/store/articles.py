"""The articles: stored as new, or as a revision of the one they were. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from aggregator import clean, dedupe
from aggregator.digest import Item
from aggregator.model import Article, Source
from aggregator.store import index
from aggregator.store.hashes import text_hash
from aggregator.store.times import to_text


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of an item."""

    article: int
    change: Literal["new", "changed", "same"]
    fingerprint: tuple[int, ...] = ()


class Articles:
    """The tables articles, _sources and _fingerprints."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def save(self, feed: int, item: Item, guids: Collection[str], now: datetime) -> Saved:
        """Stores an item as a new article, or as a revision of the one it was. `guids` are all ids in its document."""
        article = item.article
        row = self._stored(feed, article, guids)
        hash_of_text = text_hash(article.content_text)
        if row is None:
            published, updated = _dates(article, now)
            cursor = self.connection.execute(
                "INSERT INTO articles (feed_id, guid, url, title, author, summary, content_html, content_text, removed_text, "
                "categories, enclosures, language, word_count, similarity, published_at, updated_at, first_seen_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1.0, ?, ?, ?)",
                (feed, article.guid, *_content(article), published, updated, to_text(now)),
            )
            number = int(cursor.lastrowid or 0)
            self._source(number, item, hash_of_text)
            index.insert(self.connection, number, article.fingerprint)
            self._edges(number, feed, article.edges)
            return Saved(number, "new", article.fingerprint)
        number = row["id"]
        changed = (row["text_hash"], row["title"]) != (hash_of_text, article.title)
        values = _content(article)
        names = ("url", "title", "author", "summary", "content_html", "content_text", "removed_text", "categories",
                 "enclosures", "language", "word_count")  # fmt: skip
        different = [(name, value) for name, value in zip(names, values, strict=True) if row[name] != value]
        if changed:
            said = article.updated if article.updated and article.updated <= now else now
            different.append(("updated_at", max(to_text(said), row["updated_at"])))
        if different:
            self.connection.execute(
                f"UPDATE articles SET {', '.join(f'{name} = ?' for name, _ in different)} WHERE id = ?",
                (*(value for _, value in different), number),
            )
        self._source(number, item, hash_of_text)
        self._edges(number, feed, article.edges)
        if changed:
            index.remove(self.connection, number, dedupe.hashes(row["content_text"], row["title"]))
            index.insert(self.connection, number, article.fingerprint)
        return Saved(number, "changed" if changed else "same", article.fingerprint)

    def _stored(self, feed: int, article: Article, guids: Collection[str]) -> sqlite3.Row | None:
        query = "SELECT articles.*, text_hash FROM articles JOIN _sources ON article_id = id WHERE "
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

    def _source(self, article: int, item: Item, hash_of_text: bytes) -> None:
        entry = zlib.compress(
            json.dumps(asdict(item.entry), ensure_ascii=False, default=str).encode("utf-8", "replace"), 6
        )
        self.connection.execute(
            "INSERT OR REPLACE INTO _sources (article_id, hash, text_hash, entry, removed, source, credits, rules) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                article,
                item.hash,
                hash_of_text,
                entry,
                json.dumps([asdict(removal) for removal in item.article.removed], ensure_ascii=False),
                _origin(item.article.source, item.article.url),
                json.dumps(item.article.credits, ensure_ascii=False),
                clean.VERSION,
            ),
        )

    def _edges(self, article: int, feed: int, marks: Sequence[int]) -> None:
        self.connection.execute("INSERT OR REPLACE INTO _edges VALUES (?, ?, ?)", (article, feed, json.dumps(marks)))
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
        clean.links.resolve(base, source.url),
        clean.links.resolve(base, source.home_page_url),
        clean.characters.line(source.guid or "", 1000) or None,
    )
    return json.dumps(asdict(safe), ensure_ascii=False) if safe.title or safe.url or safe.home_page_url else None


def _content(article: Article) -> tuple[str | int | None, ...]:
    return (
        article.url,
        article.title,
        article.author,
        article.summary,
        article.content_html,
        article.content_text,
        article.removed_text,
        json.dumps(article.categories, ensure_ascii=False),
        json.dumps([asdict(enclosure) for enclosure in article.enclosures], ensure_ascii=False),
        article.language,
        article.word_count,
    )


def _dates(article: Article, now: datetime) -> tuple[str, str]:
    """published_at and updated_at: the feed's own, but nothing is published in the future."""
    published = min(article.published or article.updated or now, now)
    updated = min(article.updated or published, now)
    return to_text(published), to_text(max(published, updated))
