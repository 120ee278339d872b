"""The stories as entries of the merged feed: what the archive documents hold, and what a new feed's backlog may show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime

from aggregator.store.times import from_text, to_text


class Entries:
    """The tables _entries, _pages, _archive and _late."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def scrolled_out(self, shown: Collection[int], size: int) -> list[int]:
        """The stories to archive, oldest first: those that `shown` (ids) leaves out and no page has as they are now.

        A story that changed after it was archived comes again in a later page: the archive is a log, and the later
        page wins (RFC 5005 §4). `size` is that of a page.
        """
        waiting = [
            row[0]
            for row in self.connection.execute(
                # In this order, from the few that wait: SQLite would rather read all stories by date.
                "SELECT id FROM _entries INDEXED BY _entries_waiting CROSS JOIN stories ON id = story_id "
                "WHERE archived = 0 ORDER BY published_at, id"
            )
        ]
        outside = [story for story in waiting if story not in shown]
        if not outside:
            return []
        # Up to half a page of what is still shown goes with it, or each new story would make a page of its own.
        inside = [story for story in waiting if story in shown]
        return outside + inside[: max(0, size // 2 - len(outside))]

    def seal(self, stories: Sequence[int], now: datetime) -> None:
        """Makes an archive page of these stories."""
        page = self.pages() + 1
        self.connection.execute("INSERT INTO _pages VALUES (?, ?)", (page, to_text(now)))
        self.connection.executemany("INSERT INTO _archive VALUES (?, ?)", ((page, story) for story in stories))
        self.connection.execute(
            "UPDATE _entries SET archived = 1 WHERE story_id IN (SELECT value FROM json_each(?))",
            (json.dumps(stories),),
        )

    def pages(self) -> int:
        """How many archive pages there are; they are numbered from 1."""
        return int(self.connection.execute("SELECT coalesce(max(page), 0) FROM _pages").fetchone()[0])

    def sealed_at(self, page: int) -> datetime:
        """When a page was made."""
        return from_text(self.connection.execute("SELECT sealed_at FROM _pages WHERE page = ?", (page,)).fetchone()[0])

    def hold(self, feed: int, articles: Collection[int], most: int) -> None:
        """Lets only the `most` newest stories of a late feed's first document into the merged feed.

        Only stories that all came with these articles are held: what others published is shown as before.
        """
        if self.connection.execute("DELETE FROM _late WHERE feed_id = ?", (feed,)).rowcount == 0:
            return
        self.connection.execute(
            "UPDATE _entries SET held = 1 WHERE story_id IN (SELECT stories.id FROM stories "
            "JOIN articles ON articles.id = lead_article_id WHERE lead_article_id IN (SELECT value FROM json_each(?1)) "
            "AND stories.copies = 1 ORDER BY articles.published_at DESC, stories.id DESC LIMIT -1 OFFSET ?2)",
            (json.dumps(list(articles)), most),
        )
