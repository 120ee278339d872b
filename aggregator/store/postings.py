"""The stored fingerprints: which articles have a hash.

Hashes are spread evenly, so an article's lie on as many pages as there are of them, and to write these pages would cost
more than all else that is stored of it. New ones therefore wait in memory (`waiting`), and go on to the table a portion
of hashes at a time, which writes each of its pages once for many articles (O'Neil and others, "The log-structured
merge-tree", 1996). The table `_waiting` has them by article, for whoever opens the file next.

Most of what is looked up nobody has, and a look at the table takes a page for each: a `bitmap` tells that without one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from aggregator.store.bitmap import Bitmap
from aggregator.store.waiting import Waiting

MOST = 24  # articles one hash is kept for
_WAIT = 200_000  # hashes that wait in all, 6 MiB; some hundred go on together
_LARGE = 5_000_000  # hashes of an index that more wait for, since there are more pages to write
_SAMPLE = 2**14  # of the index one hash in so many is counted
_END = 2**62  # no hash is as large
# In order, one look-up for each: IN would sort them into a table of its own first, which takes as long again.
_LOOK_UP = "SELECT hash, article_id FROM json_each(?) CROSS JOIN _fingerprints ON hash = value"
_INSERT = "INSERT OR IGNORE INTO _fingerprints VALUES (?, ?)"
_AT_ONCE = 100  # pairs in a statement, which takes half as long as one for each
_INSERT_MANY = _INSERT + ", (?, ?)" * (_AT_ONCE - 1)


class Stored:
    """The tables _fingerprints and _waiting, for whoever reads the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def look_up(self, hashes: Collection[int]) -> dict[int, list[int]]:
        """The articles that have each of these hashes; none that nobody has."""
        asked = frozenset(hashes)
        waiting = [
            (value, article)
            for article, packed in self.connection.execute("SELECT article_id, hashes FROM _waiting")
            for value in asked.intersection(_unpacked(packed))
        ]
        return _grouped([*self._moved(hashes), *waiting])

    def _moved(self, hashes: Collection[int]) -> list[sqlite3.Row]:
        return self.connection.execute(_LOOK_UP, (json.dumps(sorted(hashes)),)).fetchall()


class Postings(Stored):
    """The same for the one who writes, in a `transaction`; call `forget` when a part of one was rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._memory: Waiting | None = None
        self._hand = 0  # the hash up to which they have gone on in this round
        self._upto = 0  # the last article that came before this round
        self._most = _WAIT
        self._bitmap: Bitmap  # of what has gone on; read with what waits

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in memory."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self.forget()
            if self.connection.in_transaction:  # a full disk ends it by itself
                self.connection.execute("ROLLBACK")
            raise

    def forget(self) -> None:
        """Forgets what is in memory; the file has it."""
        self._memory = None

    def look_up(self, hashes: Collection[int]) -> dict[int, list[int]]:
        """As of `Stored`."""
        waiting = self._waiting.find(hashes)
        moved = self._moved(possible) if (possible := self._bitmap.among(hashes)) else []
        return _grouped([*moved, *waiting]) if moved or waiting else {}

    def insert(self, articles: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Puts articles into the index that are not there: (article, hashes)."""
        waiting = self._waiting
        if len(waiting) > 2 * self._most:  # in one transaction: they are too many to wait for its end
            for article, hashes in articles:
                self._put(article, hashes)
            return
        self.connection.executemany(
            "INSERT INTO _waiting VALUES (?, ?, ?)",
            ((article, self._hand, _packed(hashes)) for article, hashes in articles),
        )
        for article, hashes in articles:
            waiting.add(article, hashes)
        # Where the newest articles were removed, their numbers are given again.
        if articles and articles[0][0] <= self._upto:
            self._turn(self._hand, articles[0][0] - 1)

    def add(self, article: int, hashes: Sequence[int]) -> None:
        """Puts an article into the index that is not there, but is no new one."""
        self._put(article, wanted(hashes, self.look_up(hashes)))

    def remove(self, article: int, hashes: Sequence[int]) -> None:
        """Takes an article out of the index; `hashes` are those of the text it was put in with."""
        self._waiting.remove(article, hashes)
        self.connection.execute("DELETE FROM _waiting WHERE article_id = ?", (article,))
        pairs = ((value, article) for value in hashes)
        self.connection.executemany("DELETE FROM _fingerprints WHERE hash = ? AND article_id = ?", pairs)

    def clear(self) -> None:
        """Empties the index."""
        for table in ("_fingerprints", "_waiting", "_moving", "_sweep"):
            self.connection.execute(f"DELETE FROM {table}")
        self.forget()

    def settle(self) -> None:
        """Moves on what has waited long enough, a portion in a transaction of its own: the pages that this writes are the
        more, the more articles there are, and together with an article's they would not fit in the cache. Call between
        transactions; whoever has not looked anything up has put nothing in."""
        while self._memory is not None and len(self._memory) > self._most:
            self._move_on()

    def learn(self, most: int) -> int:
        """Tells the bitmap of some hashes that had gone on before this process began, or of all again where it is full; gives
        how many. Until it knows of all, those it does not know of are looked up in the table."""
        if self._memory is None:
            self._memory = self._read()
        if self._bitmap.is_full:
            self._bitmap = Bitmap(2 * self._count())
        if self._bitmap.upto == _END:
            return 0
        cursor = self.connection.cursor()
        cursor.row_factory = None  # as plain tuples they take half the time
        query = "SELECT hash FROM _fingerprints WHERE hash > ? ORDER BY hash LIMIT ?"
        rows = cursor.execute(query, (self._bitmap.upto, most)).fetchall()
        self._bitmap.add([value for (value,) in rows])
        self._bitmap.upto = rows[-1][0] if len(rows) == most else _END
        return len(rows)

    def sweep(self, first: int, most: int) -> int:
        """Takes some of the articles below `first` out of the index, from where the last sweep ended; gives how many hashes.

        It goes round by hash, not by article: that needs no second index, which would double the size of this one.
        """
        execute = self.connection.execute
        row = execute("SELECT hash FROM _sweep").fetchone()
        hand = row[0] if row else -1
        end = execute(
            "SELECT hash FROM _fingerprints WHERE hash > ? ORDER BY hash LIMIT 1 OFFSET ?", (hand, most)
        ).fetchone()
        upto = end[0] if end else _END
        before = execute("SELECT article_id, hashes FROM _waiting WHERE article_id < ?", (first,)).fetchall()
        for article, hashes in before:
            self._waiting.remove(article, _unpacked(hashes))
        execute("DELETE FROM _waiting WHERE article_id < ?", (first,))
        gone = execute(
            "DELETE FROM _fingerprints WHERE hash > ? AND hash <= ? AND article_id < ?", (hand, upto, first)
        ).rowcount
        execute("INSERT OR REPLACE INTO _sweep (id, hash) VALUES (1, ?)", (upto if end else -1,))
        return int(gone) + sum(len(hashes) // 8 for _, hashes in before)

    def _put(self, article: int, hashes: Collection[int]) -> None:
        self.connection.executemany(_INSERT, ((value, article) for value in sorted(hashes)))
        self._bitmap.add(hashes)

    @property
    def _waiting(self) -> Waiting:
        if self._memory is None:
            self._memory = self._read()
        return self._memory

    def _read(self) -> Waiting:
        """What waits by the file: what the hand has not passed since it was put in."""
        execute = self.connection.execute
        self._hand, self._upto = execute("SELECT hash, upto FROM _moving").fetchone() or (0, 0)
        is_empty = execute("SELECT 1 FROM _fingerprints LIMIT 1").fetchone() is None
        count = self._count()
        self._most = _most(count)
        self._bitmap = Bitmap(2 * count, _END if is_empty else -1)
        waiting = Waiting(sum(len(left) for _, left in self._left()))
        for article, left in self._left():
            waiting.add(article, left)
        return waiting

    def _left(self) -> Iterator[tuple[int, list[int]]]:
        """Each article's that the hand has not passed: of the oldest just those in front of it, side by side."""
        for article, begun, hashes in self.connection.execute("SELECT article_id, hand, hashes FROM _waiting"):
            if article <= self._upto:  # of the round before
                yield article, [value for value in _unpacked(hashes) if self._hand <= value < begun]
            else:
                yield article, [value for value in _unpacked(hashes) if not begun <= value < self._hand]

    def _move_on(self) -> None:
        """Moves a portion."""
        execute = self.connection.execute
        with self.transaction():
            pairs, hand = self._waiting.take(self._hand)
            whole = len(pairs) // _AT_ONCE * _AT_ONCE
            for at in range(0, whole, _AT_ONCE):
                execute(_INSERT_MANY, [*itertools.chain.from_iterable(pairs[at : at + _AT_ONCE])])
            self.connection.executemany(_INSERT, pairs[whole:])
            self._bitmap.add([value for value, _ in pairs])
            upto = self._upto
            if not hand:  # a round is over: what came before it has all gone on, of what came meanwhile some has
                execute("DELETE FROM _waiting WHERE article_id <= ? OR hand = 0", (upto,))
                upto = execute("SELECT ifnull(max(article_id), 0) FROM _waiting").fetchone()[0]
            self._turn(hand, upto)
        if not hand:
            self._most = _most(self._count())

    def _count(self) -> int:
        """About how many have gone on."""
        count = "SELECT count(*) FROM _fingerprints WHERE hash < ?"
        return _SAMPLE * int(self.connection.execute(count, (_END // _SAMPLE,)).fetchone()[0])

    def _turn(self, hand: int, upto: int) -> None:
        self.connection.execute("INSERT OR REPLACE INTO _moving (id, hash, upto) VALUES (1, ?, ?)", (hand, upto))
        self._hand, self._upto = hand, upto


def _most(hashes: int) -> int:
    """How many may wait: twice as many where the index is four times as large."""
    most = _WAIT
    while hashes > _LARGE:
        hashes, most = hashes // 4, most * 2
    return most


def wanted(hashes: Sequence[int], found: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """Which of an article's hashes belong in the index; `found` is where others have them. One that MOST articles have
    is boilerplate and needs no more."""
    if found.keys().isdisjoint(hashes):
        return hashes
    return [value for value in hashes if len(found.get(value, ())) < MOST]


def _grouped(pairs: Iterable[Sequence[int]]) -> dict[int, list[int]]:
    """The articles of each hash, in order and each once: what has just gone on may be in both tables."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for (value, article), _ in itertools.groupby(sorted(tuple(pair) for pair in pairs)):
        found[value].append(article)
    return dict(found)


def _packed(hashes: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(hashes)}q", *hashes)


def _unpacked(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}q", data)
