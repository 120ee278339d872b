"""Tags of articles by the operator's rules, and of feeds as feeds.yaml has them. All inside the caller's transaction.

Rules hold for what is stored, too: where they have changed, the articles are judged again, the newest first, in steps.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Mapping

from aggregator.filters import Filter, Subject, tagged

# Whether the article `articles` has one of the tags :tags, a JSON list: asked of one article after the other.
HAS_TAG = (
    "(EXISTS (SELECT 1 FROM _feed_tags WHERE feed_id = articles.feed_id AND tag IN (SELECT value FROM json_each(:tags))) "
    "OR EXISTS (SELECT 1 FROM _tags WHERE article_id = articles.id AND tag IN (SELECT value FROM json_each(:tags))))"
)
# The same, to find the articles that do: both sides of the OR are answered from an index.
TAGGED = (
    "(articles.feed_id IN (SELECT feed_id FROM _feed_tags WHERE tag IN (SELECT value FROM json_each(:tags))) "
    "OR articles.id IN (SELECT article_id FROM _tags WHERE tag IN (SELECT value FROM json_each(:tags))))"
)


class Tags:
    """The tables _tags, _feed_tags and _tagging."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def of_feeds(self, tags: Mapping[str, Collection[str]]) -> None:
        """Makes the tags of the feeds those of feeds.yaml; `tags` has them by configured URL."""
        wanted = {(url, tag) for url, names in tags.items() for tag in names}
        held = {tuple(row) for row in self.connection.execute(
            "SELECT configured_url, tag FROM _feed_tags JOIN feeds ON feeds.id = feed_id"
        )}  # fmt: skip
        change = "feed_id = (SELECT id FROM feeds WHERE configured_url = ?) AND tag = ?"
        self.connection.executemany(f"DELETE FROM _feed_tags WHERE {change}", held - wanted)
        self.connection.executemany(
            "INSERT INTO _feed_tags SELECT id, ?2 FROM feeds WHERE configured_url = ?1", wanted - held
        )

    def begin(self, rules: Mapping[str, Filter]) -> None:
        """Puts rules in force: if they are not those in force, every article waits to be judged again."""
        said = repr(sorted((name, sorted(rule.include), sorted(rule.exclude)) for name, rule in rules.items()))
        mark = hashlib.blake2b(said.encode(), digest_size=16).digest()
        self.connection.execute(
            "INSERT INTO _tagging SELECT 1, ?1, coalesce(max(id), 0) + 1 FROM articles WHERE true "
            "ON CONFLICT (id) DO UPDATE SET rules = ?1, left = excluded.left WHERE rules <> ?1",
            (mark,),
        )

    def again(self) -> None:
        """Lets every article wait to be judged again: their texts may be others."""
        self.connection.execute("UPDATE _tagging SET left = (SELECT coalesce(max(id), 0) + 1 FROM articles)")

    @property
    def left(self) -> int:
        """Articles with a lower id wait to be judged."""
        row = self.connection.execute("SELECT left FROM _tagging").fetchone()
        return int(row["left"]) if row is not None else 1

    def step(self, rules: Mapping[str, Filter], most: int) -> bool:
        """Judges the next `most` articles that wait; gives whether a tag changed."""
        rows = self.connection.execute(
            "SELECT id, title, content_text, author, categories, url FROM articles WHERE id < ? ORDER BY id DESC LIMIT ?",
            (self.left, most),
        ).fetchall()
        changed = [self.judge(row["id"], _subject(row), rules) for row in rows]
        self.connection.execute("UPDATE _tagging SET left = ?", (rows[-1]["id"] if len(rows) == most else 1,))
        return any(changed)

    def judge(self, article: int, subject: Subject, rules: Mapping[str, Filter]) -> bool:
        """Gives an article the tags whose rules it passes; gives whether it had others."""
        wanted = set(tagged(rules, subject))
        held = {row[0] for row in self.connection.execute("SELECT tag FROM _tags WHERE article_id = ?", (article,))}
        if wanted != held:
            self.connection.execute("DELETE FROM _tags WHERE article_id = ?", (article,))
            self.connection.executemany("INSERT INTO _tags VALUES (?, ?)", [(article, tag) for tag in sorted(wanted)])
        return wanted != held


def _subject(row: sqlite3.Row) -> Subject:
    """A stored article as filters look at it."""
    return Subject(row["title"], row["content_text"], row["author"] or "", json.loads(row["categories"]), row["url"])
