"""The stories: which articles say the same, and which leads. All inside the caller's transaction."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime

from aggregator.dedupe import Candidate, Member
from aggregator.model import Subscription, Verdict
from aggregator.store.hashes import host_of, name_of
from aggregator.store.index import candidates
from aggregator.store.times import from_text, to_text

_IRI = re.compile(
    r"(?:https?://[^\s/?#]+|urn:[a-z0-9][a-z0-9-]{1,31}:|tag:[^\s,]+,\d{4}[\d-]*:)[^\s<>\"{}|\\^`]*", re.I
)


class Stories:
    """The tables stories, _verdicts and _leads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def story_of(self, article: int) -> int | None:
        """The story an article belongs to."""
        row = self.connection.execute("SELECT story_id FROM articles WHERE id = ?", (article,)).fetchone()
        return None if row is None else row["story_id"]

    def lead_of(self, story: int) -> int:
        """The article that leads a story."""
        return int(self.connection.execute("SELECT lead_article_id FROM stories WHERE id = ?", (story,)).fetchone()[0])

    def members(self, story: int, subscriptions: Mapping[str, Subscription]) -> list[Member]:
        """The articles of a story as the choice of the lead sees them."""
        rows = self.connection.execute(
            "SELECT articles.*, feeds.role, feeds.home_page_url, feeds.configured_url, credits FROM articles "
            "JOIN feeds ON feeds.id = feed_id JOIN _sources ON article_id = articles.id WHERE story_id = ? "
            "ORDER BY articles.id",
            (story,),
        )
        return [
            Member(
                article=row["id"],
                url=row["url"],
                role=row["role"],
                priority=subscriptions[row["configured_url"]].priority if row["configured_url"] in subscriptions else 0,
                credits=tuple(json.loads(row["credits"])),
                home_page_url=row["home_page_url"],
                words=row["word_count"],
                published=from_text(row["published_at"]),
                first_seen=from_text(row["first_seen_at"]),
            )
            for row in rows
        ]

    def candidate(self, article: int) -> Candidate:
        """A stored article as the other side of a comparison."""
        return candidates(self.connection, "WHERE articles.id = ?", (article,), 1)[0]

    def learn(self, hashes: Iterable[int], feed: int, now: datetime) -> None:
        """Remembers boilerplate, of one feed or (0) of all."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO _boilerplate VALUES (?, ?, ?)", ((value, feed, to_text(now)) for value in hashes)
        )

    def found_story(self, article: int, now: datetime) -> int:
        """Makes a story of one article."""
        row = self.connection.execute(
            "SELECT articles.*, feeds.configured_url FROM articles JOIN feeds ON feeds.id = feed_id WHERE articles.id = ?",
            (article,),
        ).fetchone()
        cursor = self.connection.execute(
            "INSERT INTO stories (uid, title, url, lead_article_id, published_at, updated_at, first_seen_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._uid(row["guid"], row["configured_url"], now),
                *(row[name] for name in ("title", "url", "id", "published_at", "updated_at")),
                to_text(now),
            ),
        )
        story = int(cursor.lastrowid or 0)
        self.connection.execute("UPDATE articles SET story_id = ? WHERE id = ?", (story, article))
        return story

    def join(self, article: int, story: int) -> None:
        """Makes an article a member of a story."""
        self.connection.execute("UPDATE articles SET story_id = ? WHERE id = ?", (story, article))

    def leave(self, article: int) -> None:
        """Takes an article out of its story; it must be given another in the same transaction."""
        self.connection.execute("UPDATE articles SET story_id = NULL WHERE id = ?", (article,))

    def drop_story(self, story: int) -> None:
        """Removes a story that has no member any more."""
        self.connection.execute("DELETE FROM stories WHERE id = ?", (story,))

    def _uid(self, guid: str, configured_url: str, now: datetime) -> str:
        """The published id: the article's own where it is an IRI that no story has yet, else a tag: URI (RFC 4151)."""
        if len(guid) <= 1000 and _IRI.fullmatch(guid):
            taken = self.connection.execute("SELECT 1 FROM stories WHERE uid = ?", (guid,)).fetchone()
            if taken is None:
                return guid
        host = host_of(configured_url)
        authority = host if host and re.fullmatch(r"[a-z0-9.-]+", host) else "feed.invalid"
        name = f"tag:{authority},{now:%Y-%m-%d}:{name_of(configured_url, guid)}"
        number = 1
        while self.connection.execute("SELECT 1 FROM stories WHERE uid = ?", (name,)).fetchone():
            number += 1
            name = f"{name.partition(';')[0]};{number}"
        return name

    def lead(self, story: int, article: int, reason: str, now: datetime, reworded: bool) -> None:
        """Sets a story's lead and what it shows of it; `updated_at` moves only when the text is another."""
        self.connection.execute(
            "UPDATE stories SET lead_article_id = article.id, title = article.title, url = article.url, "
            "published_at = article.published_at, updated_at = iif(?, ?, stories.updated_at), "
            "copies = (SELECT count(*) FROM articles WHERE story_id = stories.id) "
            "FROM (SELECT * FROM articles WHERE id = ?) AS article WHERE stories.id = ?",
            (reworded, to_text(now), article, story),
        )
        self.connection.execute("INSERT OR REPLACE INTO _leads (story_id, reason) VALUES (?, ?)", (story, reason))

    def verdict(self, article: int, verdict: Verdict, now: datetime) -> None:
        """Writes down why an article is, or is not, a copy."""
        self.connection.execute(
            "INSERT OR REPLACE INTO _verdicts (article_id, against_id, kind, reason, similarity, other, shared, decided_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                article,
                verdict.against,
                verdict.kind,
                verdict.reason,
                verdict.similarity,
                verdict.other,
                verdict.shared,
                to_text(now),
            ),
        )
        self.connection.execute("UPDATE articles SET similarity = ? WHERE id = ?", (verdict.similarity, article))

    def verdict_on(self, article: int) -> Verdict | None:
        """What was written down."""
        row = self.connection.execute(
            "SELECT _verdicts.*, story_id FROM _verdicts JOIN articles ON articles.id = article_id WHERE article_id = ?",
            (article,),
        ).fetchone()
        return row and Verdict(
            row["kind"],
            row["reason"],
            row["against_id"],
            row["story_id"],
            row["similarity"],
            row["other"],
            row["shared"],
        )
