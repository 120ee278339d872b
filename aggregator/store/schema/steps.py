"""The steps from one version of the schema to the next, forward only; and what is replaced with each version."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from aggregator.store import examples
from aggregator.store.hashes import leading_bits
from aggregator.store.schema.changes import BATCHES, FRESH, TAGS, TEXTS, TIES, WAITING
from aggregator.store.schema.docs import DOCS
from aggregator.store.schema.tables import FTS_TRIGGERS, MIGRATIONS, TABLES
from aggregator.store.sqlite import Database, Migrations, Table
from aggregator.store.views import VIEWS

APPLICATION_ID = 0x41676772  # "Aggr"

Step = Callable[[Database], None]


def first(db: Database) -> None:
    """Version 1."""
    _run(db, TABLES)
    articles = db["articles"]
    assert isinstance(articles, Table)
    # The triggers are ours: sqlite-utils' fire on any update of a row.
    articles.enable_fts(["title", "content_text"], tokenize="unicode61 remove_diacritics 2")
    _run(db, FTS_TRIGGERS)
    # Ranks a word in the title over any number of them in the text, for whoever orders by rank (FTS5 §5.1.1).
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('rank', 'bm25(50.0, 1.0)')")


def tags(db: Database) -> None:
    """Version 2."""
    _run(db, TAGS)


def batches(db: Database) -> None:
    """Version 3: articles are indexed in batches, fingerprints know their version and what they pass over."""
    _run(db, BATCHES)


def fresh(db: Database) -> None:
    """Version 4: new fingerprints wait in a small table."""
    _run(db, FRESH)


def lean(db: Database) -> None:
    """Version 5: storing an article costs less."""
    # Segments of the full-text index are merged by eights, not by fours: a batch writes one, and each merge writes all of
    # them again (FTS5 §6.7).
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('automerge', 8)")


def waiting(db: Database) -> None:
    """Version 6: new fingerprints wait in memory, and by article in the file."""
    _run(db, WAITING)


def ties(db: Database) -> None:
    """Version 7: entries that changed in the same second are parted by the number of their story."""
    _run(db, TIES)


def texts(db: Database) -> None:
    """Version 8: the hash of a text is among those of the article's fingerprint."""
    db.conn.create_function("leading_bits", 1, leading_bits, deterministic=True)
    _run(db, TEXTS)


# Step N makes version N of version N - 1; released ones are never changed.
STEPS: tuple[Step, ...] = (first, tags, batches, fresh, lean, waiting, ties, texts)
USER_VERSION = len(STEPS)  # a file with a higher one is refused

_CHANGES = re.findall(
    r"^(CREATE|DROP) (?:TABLE|VIEW) (?:IF NOT EXISTS )?(_\w+)",
    "\n".join((MIGRATIONS, TABLES, TAGS, BATCHES, FRESH, WAITING, TIES, TEXTS)),
    re.MULTILINE,
)
# The names of the private tables and views, in their order: nothing else has to be told of a new one.
PRIVATE = tuple(name for name, change in {name: change for change, name in _CHANGES}.items() if change == "CREATE")


def migrate(db: Database, steps: Sequence[Step] = STEPS) -> None:
    """Takes the steps that the file has not had yet, each wholly or not at all, and the version with it.

    Call with foreign keys off, since a step may have to rebuild a table; what it leaves is checked.
    """
    with db.atomic():
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(MIGRATIONS)
    known = Migrations("aggregator")
    for version, step in enumerate(steps, 1):
        known(name=step.__name__)(_numbered(step, version))
    known.apply(db)


def _numbered(step: Step, version: int) -> Step:
    def numbered(db: Database) -> None:
        step(db)
        if orphans := db.execute("PRAGMA foreign_key_check").fetchall():
            raise sqlite3.IntegrityError(f"version {version} would leave {len(orphans)} rows without their parent")
        db.execute(f"PRAGMA user_version = {version}")

    return numbered


def refresh(db: Database) -> None:
    """Makes views, documentation and examples those of this version: they hold no data, so they are replaced."""
    docs = [(name, field, text) for name, fields in DOCS.items() for field, text in fields.items()]
    asked = [(number, each.name, each.question, each.sql) for number, each in enumerate(examples.load(), 1)]
    with db.atomic():
        for name, sql in VIEWS.items():
            db.create_view(name, sql, replace=True)
        _replace(db, "schema_docs", ("name", "field", "description"), docs)
        _replace(db, "examples", ("id", "name", "question", "sql"), asked)


def _replace(db: Database, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Gives a small table just these rows, and writes nothing where it has them."""
    names = ", ".join(columns)
    held = [tuple(row) for row in db.execute(f"SELECT {names} FROM {table} ORDER BY rowid")]
    if held != rows:
        db.execute(f"DELETE FROM {table}")
        db.conn.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)


def _run(db: Database, script: str) -> None:
    """Several statements inside the migration's transaction; executescript would commit it."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
