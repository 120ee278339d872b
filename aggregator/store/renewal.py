"""Makes the stored index anew where the hashes of fingerprints have changed: an old one would find no copy of an article.

The newest articles come first, and each step is short: a file of any size is in use again at once, and what is left is
done between the polls. All inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from aggregator.dedupe.fingerprint import VERSION
from aggregator.store import index
from aggregator.store.postings import Postings

AT_ONCE = 10_000  # articles that are put in before the first poll: a few seconds
STEP = 1000  # at each later look


def renew(stored: Postings, since: datetime, most: int) -> int:
    """Puts up to `most` articles first seen since then into the index, where that is of another version; says how many."""
    connection = stored.connection
    version, upto = connection.execute("SELECT version, upto FROM _renewal").fetchone()
    if version != VERSION:
        # What was learned as boilerplate is learned again from the stories in the window: its words are not known.
        stored.clear()
        connection.execute("DELETE FROM _boilerplate")
        upto = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM articles").fetchone()[0]
    elif not upto:
        return 0
    rows = connection.execute(
        f"SELECT id, {index.FINGERPRINTED} WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT ?",
        (upto, index.first_since(connection, since), most),
    ).fetchall()
    for row in rows:
        stored.add(row["id"], index.indexed(row))
    left = rows[-1]["id"] if len(rows) == most else 0
    connection.execute("UPDATE _renewal SET version = ?, upto = ?", (VERSION, left))
    return len(rows)


def renewed(connection: sqlite3.Connection) -> None:
    """Says that all articles are in the index as it has to be: somebody has put them in."""
    connection.execute("UPDATE _renewal SET version = ?, upto = 0", (VERSION,))
