"""What is kept no longer: old stories leave a tombstone, old polls nothing, and the file shrinks in small steps.

A story goes as a whole, when the newest of its articles is too old: its id and its lead never change for tidiness' sake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.digest import Item
from aggregator.store import index
from aggregator.store.postings import Postings
from aggregator.store.times import to_text

STORIES = 50  # at most, in one step
POLLS = 1000
PAGES = 500
_SLACK = 0.1  # free share of the file that is not worth moving pages for: new articles will fill it

_EXPIRED = (
    "SELECT id FROM stories WHERE published_at < ?1 AND NOT EXISTS "
    "(SELECT 1 FROM articles WHERE story_id = stories.id AND updated_at >= ?1) ORDER BY published_at"
)


@dataclass(frozen=True, slots=True)
class Expired:
    """What a retention removes."""

    stories: int = 0
    articles: int = 0
    polls: int = 0
    oldest: str | None = None  # publication of the oldest story
    newest: str | None = None

    def __bool__(self) -> bool:
        return bool(self.stories or self.polls)


class Retention:
    """Removes what is older than a time. Each method is one short step inside the caller's transaction."""

    def __init__(self, stored: Postings) -> None:
        self._index = stored
        self.connection = stored.connection

    def expired(self, before: datetime | None, polls_before: datetime) -> Expired:
        """What would be removed now; `before` is None where stories are kept forever."""
        found = Expired(polls=self._count_polls(polls_before))
        if before is None:
            return found
        row = self.connection.execute(
            f"WITH expired AS ({_EXPIRED}) SELECT count(*), (SELECT count(*) FROM articles WHERE story_id IN expired), "
            "min(published_at), max(published_at) FROM stories WHERE id IN expired",
            (to_text(before),),
        ).fetchone()
        return Expired(row[0], row[1], found.polls, row[2], row[3])

    def prune(self, before: datetime, now: datetime) -> tuple[int, int]:
        """Removes up to STORIES stories of before a time; gives how many stories and articles these were."""
        rows = self.connection.execute(f"{_EXPIRED} LIMIT {STORIES}", (to_text(before),)).fetchall()
        stories = json.dumps([row[0] for row in rows])
        members = self.connection.execute(
            f"SELECT id, feed_id, guid, url, {index.FINGERPRINTED} WHERE story_id IN (SELECT value FROM json_each(?))",
            (stories,),
        ).fetchall()
        self.connection.executemany(
            "INSERT OR REPLACE INTO _tombstones VALUES (?, ?, ?)",
            (
                (row["feed_id"], mark, to_text(now))
                for row in members
                for mark in _marks(row["guid"], row["url"], row["title"])
            ),
        )
        for row in members:
            self._index.remove(row["id"], index.indexed(row))
        self.connection.execute("DELETE FROM articles WHERE story_id IN (SELECT value FROM json_each(?))", (stories,))
        self.connection.execute("DELETE FROM stories WHERE id IN (SELECT value FROM json_each(?))", (stories,))
        return len(rows), len(members)

    def prune_polls(self, before: datetime) -> int:
        """Removes up to POLLS rows of `fetches` of before a time, but no feed's last."""
        return self.connection.execute(
            "DELETE FROM fetches WHERE id IN (SELECT id FROM fetches AS old WHERE fetched_at < ? AND EXISTS "
            "(SELECT 1 FROM fetches AS newer WHERE newer.feed_id = old.feed_id AND newer.fetched_at > old.fetched_at) "
            f"ORDER BY fetched_at LIMIT {POLLS})",
            (to_text(before),),
        ).rowcount

    def _count_polls(self, before: datetime) -> int:
        row = self.connection.execute(
            "SELECT count(*) FROM fetches AS old WHERE fetched_at < ? AND EXISTS "
            "(SELECT 1 FROM fetches AS newer WHERE newer.feed_id = old.feed_id AND newer.fetched_at > old.fetched_at)",
            (to_text(before),),
        ).fetchone()
        return int(row[0])

    def shrink(self, all_of_it: bool = False) -> int:
        """Gives up to PAGES free pages back to the disk, where there are enough to be worth it; gives how many."""
        (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        if not free or not (all_of_it or free > _SLACK * pages):
            return 0
        # The pragma frees a page for each row it is asked for.
        self.connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
        (left,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        return int(free - left)

    def wanted(self, feed: int, items: Sequence[Item], before: datetime | None) -> list[Item]:
        """The items that are to be stored: not those pruned before, nor new ones that would be pruned at once."""
        if not items:
            return []
        buried = self.connection.execute("SELECT 1 FROM _tombstones WHERE feed_id = ? LIMIT 1", (feed,)).fetchone()
        return [
            item
            for item in items
            if not (buried and self._buried(feed, item)) and not self._too_old(feed, item, before)
        ]

    def _buried(self, feed: int, item: Item) -> bool:
        marks = _marks(item.article.guid, item.article.url, item.article.title)
        return any(
            self.connection.execute("SELECT 1 FROM _tombstones WHERE feed_id = ? AND mark = ?", (feed, mark)).fetchone()
            for mark in marks
        )

    def _too_old(self, feed: int, item: Item, before: datetime | None) -> bool:
        dates = [date for date in (item.article.published, item.article.updated) if date is not None]
        if before is None or not dates or max(dates) >= before:
            return False
        known = self.connection.execute(
            "SELECT 1 FROM articles WHERE feed_id = ? AND guid = ?", (feed, item.article.guid)
        ).fetchone()
        return known is None


def _marks(guid: str, url: str, title: str) -> tuple[bytes, bytes]:
    """Of the id, and of address and title for feeds that give an entry another id at every fetch."""
    return _mark("guid", guid), _mark("page", url, title)


def _mark(*parts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).digest()
