"""The writer's side of the file: one transaction for a whole batch of polls."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

from aggregator.digest import Item
from aggregator.store import renewal
from aggregator.store.arrivals import Arrivals
from aggregator.store.articles import Articles
from aggregator.store.corrections import Corrections
from aggregator.store.entries import Entries
from aggregator.store.feeds import Feeds
from aggregator.store.hubs import Hubs
from aggregator.store.index import first_since
from aggregator.store.postings import Postings
from aggregator.store.retention import Retention
from aggregator.store.stories import Stories
from aggregator.store.tags import Tags
from aggregator.store.times import from_text, to_text
from aggregator.store.wal import Wal


class Store:
    """The tables by noun; only one writer has this."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.feeds = Feeds(connection)
        self.hubs = Hubs(connection)
        self._postings = Postings(connection)
        self.articles = Articles(self._postings)
        self.stories = Stories(self._postings)
        self.corrections = Corrections(connection)
        self.retention = Retention(self._postings)
        self.tags = Tags(connection)
        self._wal = Wal(connection)
        self.entries = Entries(connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        with self._postings.transaction():
            yield
        with contextlib.suppress(sqlite3.OperationalError):  # locked, or full: what was to be stored is stored
            self._postings.settle()
        self._wal.bound()

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction: all of it or nothing."""
        execute = self.connection.execute
        execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._postings.forget()
            if self.connection.in_transaction:
                execute("ROLLBACK TO part")
                execute("RELEASE part")
            raise
        execute("RELEASE part")

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """A transaction whose new articles are indexed for full text together, at its end."""
        execute = self.connection.execute
        with self._copies_in_memory(), self.transaction():
            execute("INSERT INTO _batch SELECT ifnull(max(id), 0) + 1 FROM articles")
            yield
            execute(
                "INSERT INTO articles_fts (rowid, title, content_text) "
                "SELECT id, title, content_text FROM articles WHERE id >= (SELECT first FROM _batch) ORDER BY id"
            )
            execute("DELETE FROM _batch")

    @contextlib.contextmanager
    def _copies_in_memory(self) -> Iterator[None]:
        """SQLite copies each page that a statement changes, should that fail half-way, and writes the copies to a
        file: three of four writes of a poll that brings articles. Only for short statements, since one that changes a
        whole table would have all of it in memory."""
        self.connection.execute("PRAGMA temp_store = MEMORY")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA temp_store = DEFAULT")

    def sweep(self, since: datetime, most: int = 50_000) -> int:
        """Takes up to so many hashes of articles of before then out of the index of fingerprints; gives how many."""
        return self._postings.sweep(first_since(self.connection, since), most)

    def learn(self, most: int) -> int:
        """Reads up to so many hashes of the index, after which most look-ups need not look at it; gives how many."""
        return self._postings.learn(most)

    def renew(self, since: datetime, most: int) -> int:
        """Puts up to so many articles of since then into the index, where it is of another version; says how many."""
        return renewal.renew(self._postings, since, most)

    def arrivals(self, feed: int, items: Sequence[Item], now: datetime) -> Arrivals:
        """For storing what a feed's document brings."""
        return Arrivals(self._postings, feed, items, now)

    def changed_at(self, path: str, hash: bytes) -> datetime | None:
        """When the document at `path` became what it is; None when the one with this hash was not published yet."""
        row = self.connection.execute("SELECT hash, changed_at FROM _documents WHERE path = ?", (path,)).fetchone()
        return from_text(row["changed_at"]) if row is not None and row["hash"] == hash else None

    def documents(self) -> list[str]:
        """The paths of all documents that were published."""
        return [row[0] for row in self.connection.execute("SELECT path FROM _documents")]

    def withdrawn(self, path: str) -> None:
        """Forgets a document that is not published any more."""
        self.connection.execute("DELETE FROM _documents WHERE path = ?", (path,))

    def published(self, path: str, hash: bytes, at: datetime) -> None:
        """Remembers what was published. Call when it is in place: what is not remembered is published again."""
        self.connection.execute(
            "INSERT INTO _documents VALUES (?1, ?2, ?3) ON CONFLICT (path) DO UPDATE SET hash = ?2, changed_at = ?3 "
            "WHERE hash <> ?2",
            (path, hash, to_text(at)),
        )
