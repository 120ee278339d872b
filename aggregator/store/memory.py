"""What is stored of a feed's last documents, as the next digest needs it.

It travels as the text and bytes that the database holds and is decoded where a document is new: most polls bring none.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from aggregator import clean
from aggregator.parse import Seen

_HASH = 16  # bytes
_MOST = 5000  # articles whose hashes are wanted of a feed whose documents have to be read whole
_MOST_BY_SOURCE = 300  # of one whose unchanged entries are known by their source bytes already

_MEMORY = f"""SELECT
    (SELECT sources FROM _feed_state WHERE feed_id = ?1) AS sources,
    (SELECT group_concat(hex(hash), '') FROM _sources WHERE article_id IN (
        SELECT id FROM articles WHERE feed_id = ?1 ORDER BY first_seen_at DESC
        LIMIT iif((SELECT length(sources) FROM _feed_state WHERE feed_id = ?1) > 2, {_MOST_BY_SOURCE}, {_MOST})
    )) AS hashes,
    (SELECT group_concat(marks, ',') FROM (
        SELECT marks FROM _edges WHERE feed_id = ?1 ORDER BY article_id DESC LIMIT {clean.habits.REMEMBERED}
    )) AS marks"""


@dataclass(frozen=True, slots=True)
class Memory:
    """The hashes of the newest entries (hexadecimal), the last document's entries by source (JSON), and the marks of
    the last articles' edges (JSON lists with commas between)."""

    hex: str = ""
    seen: str = ""
    marks: str = ""

    def hashes(self) -> frozenset[bytes]:
        """Hashes of entries that are stored as they are."""
        found = bytes.fromhex(self.hex)
        return frozenset(found[at : at + _HASH] for at in range(0, len(found), _HASH))

    def sources(self) -> dict[bytes, Seen]:
        """The entries of the last document by the hash of their source bytes: these need no reading again."""
        found = json.loads(self.seen) if self.seen else {}
        return {bytes.fromhex(mark): Seen(guid, tuple(flaws)) for mark, (guid, *flaws) in found.items()}

    def habits(self) -> clean.Habits:
        """What the last articles have near their edges, newest first."""
        return clean.Habits(tuple(map(frozenset, json.loads(f"[{self.marks}]"))))


def recall(connection: sqlite3.Connection, feed: int) -> Memory:
    """What is stored of a feed."""
    row = connection.execute(_MEMORY, (feed,)).fetchone()
    return Memory(row["hashes"] or "", row["sources"] or "", row["marks"] or "")
