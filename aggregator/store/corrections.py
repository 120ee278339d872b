"""What people say of articles: no copy of one another, the same, or the lead. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from aggregator.store.times import to_text


class Corrections:
    """The tables _corrections and _requests."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def correct(self, kind: str, article: int, other: int, now: datetime) -> None:
        """Writes down what a person said of two articles ("apart", "together"), or of one (twice the same: "pin")."""
        self.connection.execute(
            "INSERT OR REPLACE INTO _corrections VALUES (?, ?, ?, ?)", (kind, article, other, to_text(now))
        )
        if kind in ("apart", "together"):  # the last word counts
            self.take_back({"apart": "together", "together": "apart"}[kind], article, other)

    def take_back(self, kind: str, article: int, other: int = 0) -> list[int]:
        """Forgets what a person said of these two (0: of `article` and any other); gives the articles it was about."""
        rows = self.connection.execute(
            "DELETE FROM _corrections WHERE kind = ?1 AND (?2 IN (article_id, other_id)) "
            "AND (?3 = 0 OR ?3 IN (article_id, other_id)) AND (?2 <> ?3 OR article_id = other_id) "
            "RETURNING article_id, other_id",
            (kind, article, other),
        ).fetchall()
        return sorted({value for row in rows for value in row})

    def together(self, article: int) -> list[int]:
        """The articles that a person said are the same as this one."""
        return self._corrected("together", article)

    def apart(self, article: int) -> frozenset[int]:
        """The stories that hold an article which a person parted from this one."""
        rows = self.connection.execute(
            "SELECT story_id FROM articles WHERE id IN (SELECT value FROM json_each(?)) AND story_id IS NOT NULL",
            (json.dumps(self._corrected("apart", article)),),
        )
        return frozenset(row[0] for row in rows)

    def _corrected(self, kind: str, article: int) -> list[int]:
        rows = self.connection.execute(
            "SELECT other_id FROM _corrections WHERE kind = ?1 AND article_id = ?2 UNION "
            "SELECT article_id FROM _corrections WHERE kind = ?1 AND other_id = ?2 ORDER BY 1",
            (kind, article),
        )
        return [row[0] for row in rows]

    def is_asked(self) -> bool:
        """Whether there are corrections to carry out: a look that needs no transaction."""
        return self.connection.execute("SELECT 1 FROM _requests LIMIT 1").fetchone() is not None

    def requests(self) -> list[tuple[str, int, int, bool]]:
        """Corrections that were asked for while a daemon had the file: kind, two articles, undo. They are taken out."""
        rows = self.connection.execute("SELECT * FROM _requests ORDER BY id").fetchall()
        if rows:
            self.connection.execute("DELETE FROM _requests")
        return [(row["kind"], row["article_id"], row["other_id"], bool(row["undo"])) for row in rows]
