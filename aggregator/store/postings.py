"""The stored fingerprints: which articles have a hash.

Hashes are spread evenly, so an article's lie on as many pages as there are of them, and to write these pages would cost
more than all else that is stored of it. New ones therefore wait in a small table, `_fresh`, and go on to the large one a
range of hashes at a time, which writes each of its pages once for many articles (O'Neil and others, "The log-structured
merge-tree", 1996). The view `_postings` has both.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

MOST = 24  # articles one hash is kept for
_RANGES = 256
_WIDTH = 2**62 // _RANGES
# In order, one look-up for each: IN would sort them into a table of its own first, which takes as long again.
_LOOK_UP = " UNION ALL ".join(
    f"SELECT hash, article_id FROM json_each(?1) CROSS JOIN {table} ON hash = value"
    for table in ("_fingerprints", "_fresh")
)
_COUNTED = 100  # times that it is asked whether too many wait, to each time that they are counted
_WAITING = 128_000  # hashes that wait in all; some thousand of them in the range that goes on next


class Postings:
    """The tables _fingerprints and _fresh, for whoever writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._hand: int | None = None  # the range that has waited longest
        self._waiting = 0  # about so many wait
        self._looks = 0

    def insert(self, articles: Iterable[tuple[int, Sequence[int]]]) -> None:
        """Puts articles into the index that are not there: (article, hashes)."""
        rows = list(articles)
        insert(self.connection, rows)
        self._waiting += sum(len(hashes) for _, hashes in rows)

    def settle(self) -> None:
        """Moves on what has waited long enough, a range in a transaction of its own: the pages that this writes are the
        more, the more articles there are, and together with an article's they would not fit in the cache. Call between
        transactions."""
        # To count them costs as much as to move some, so it is done now and then: what was rolled back, or goes in and out
        # by twos and threes when articles change, is no matter till then.
        if self._looks % _COUNTED == 0:
            self._count()
        self._looks += 1
        while self._waiting > _WAITING:
            moved = self._move_on()
            if moved:
                self._waiting -= moved
            else:
                self._count()

    def _count(self) -> None:
        self._waiting = self.connection.execute("SELECT count(*) FROM _fresh").fetchone()[0]

    def _move_on(self) -> int:
        """Moves one range; gives how many hashes."""
        execute = self.connection.execute
        if self._hand is None:
            fullest = "SELECT hash / ? AS range FROM _fresh GROUP BY range ORDER BY count(*) DESC LIMIT 1"
            self._hand = next((int(row[0]) for row in execute(fullest, (_WIDTH,))), 0)
        bounds = (self._hand * _WIDTH, (self._hand + 1) * _WIDTH)
        execute("BEGIN IMMEDIATE")
        try:
            execute(
                "INSERT OR IGNORE INTO _fingerprints SELECT hash, article_id FROM _fresh WHERE hash >= ? AND hash < ? "
                "ORDER BY hash, article_id",
                bounds,
            )
            moved = execute("DELETE FROM _fresh WHERE hash >= ? AND hash < ?", bounds).rowcount
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        self._hand = (self._hand + 1) % _RANGES
        return moved


def look_up(connection: sqlite3.Connection, hashes: Iterable[int]) -> dict[int, list[int]]:
    """The articles that have each of these hashes; none that nobody has."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for value, article in connection.execute(_LOOK_UP, (json.dumps(sorted(hashes)),)):
        found[value].append(article)
    return dict(found)


def insert(connection: sqlite3.Connection, articles: Iterable[tuple[int, Sequence[int]]]) -> None:
    """Puts articles into the index that are not there: (article, hashes)."""
    # One statement for an article, not for a hash: a third less time, of which Python and its lock take more than SQLite.
    query = "INSERT OR IGNORE INTO _fresh SELECT value, ?1 FROM json_each(?2)"
    connection.executemany(query, ((article, json.dumps(list(hashes))) for article, hashes in articles))


def wanted(hashes: Sequence[int], found: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """Which of an article's hashes belong in the index; `found` is where others have them. One that MOST articles have
    is boilerplate and needs no more."""
    if found.keys().isdisjoint(hashes):
        return hashes
    return [value for value in hashes if len(found.get(value, ())) < MOST]


def add(connection: sqlite3.Connection, article: int, hashes: Sequence[int]) -> None:
    """Puts an article into the index."""
    insert(connection, [(article, wanted(hashes, look_up(connection, hashes)))])


def remove(connection: sqlite3.Connection, article: int, hashes: Sequence[int]) -> None:
    """Takes an article out of the index; `hashes` are those of the text it was put in with."""
    rows = [(value, article) for value in hashes]
    for table in ("_fresh", "_fingerprints"):
        connection.executemany(f"DELETE FROM {table} WHERE hash = ? AND article_id = ?", rows)


def clear(connection: sqlite3.Connection) -> None:
    """Empties the index."""
    for table in ("_fresh", "_fingerprints", "_sweep"):
        connection.execute(f"DELETE FROM {table}")


def sweep(connection: sqlite3.Connection, first: int, most: int) -> int:
    """Takes some of the articles below `first` out of the index, from where the last sweep ended; gives how many hashes.

    It goes round by hash, not by article: that needs no second index, which would double the size of this one.
    """
    row = connection.execute("SELECT hash FROM _sweep").fetchone()
    hand = row[0] if row else -1
    end = connection.execute(
        "SELECT hash FROM _fingerprints WHERE hash > ? ORDER BY hash LIMIT 1 OFFSET ?", (hand, most)
    ).fetchone()
    upto = end[0] if end else 2**62
    gone = connection.execute("DELETE FROM _fresh WHERE article_id < ?", (first,)).rowcount
    gone += connection.execute(
        "DELETE FROM _fingerprints WHERE hash > ? AND hash <= ? AND article_id < ?", (hand, upto, first)
    ).rowcount
    connection.execute("INSERT OR REPLACE INTO _sweep (id, hash) VALUES (1, ?)", (upto if end else -1,))
    return gone
