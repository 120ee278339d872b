"""The steps from version to version: what an older file knew, the newer one knows."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.store import Postings, StoreIndex, open_writer, schema
from aggregator.store.hashes import text_hash
from aggregator.store.times import to_text
from tests.conftest import NOW

AT = to_text(NOW)


@contextlib.contextmanager
def older(path: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A new file of an older version, with a feed."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "USER_VERSION", version)
        patch.setattr(schema.migrate, "__defaults__", (schema.STEPS[:version],))
        with open_writer(path) as db:
            db.execute("INSERT INTO feeds (url, configured_url, title, next_poll_at) VALUES (?1, ?1, 'A', '2026')",
                       ("https://a.example/feed",))  # fmt: skip
            yield db


def put(db: sqlite3.Connection, number: int, text: str = "") -> None:
    """A story of one article."""
    uid = f"https://a.example/{number}"
    with db:
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO stories (id, uid, title, url, lead_article_id, published_at, updated_at, first_seen_at) "
            "VALUES (?1, ?2, '', ?2, ?1, ?3, ?3, ?3)", (number, uid, AT),
        )  # fmt: skip
        db.execute(
            "INSERT INTO articles (id, feed_id, story_id, guid, url, title, summary, content_html, content_text, "
            "removed_text, categories, enclosures, word_count, similarity, published_at, updated_at, first_seen_at) "
            "VALUES (?1, 1, ?1, ?2, ?2, '', '', '', ?3, '', '[]', '[]', 9, 1, ?4, ?4, ?4)", (number, uid, text, AT),
        )  # fmt: skip


def entries(db: sqlite3.Connection) -> list[tuple[int, ...]]:
    return [tuple(row) for row in db.execute("SELECT story_id, tie, archived, held FROM _entries ORDER BY 1")]


def test_what_was_published_keeps_its_time_to_the_microsecond(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with older(path, 6, monkeypatch) as db:
        for number in (7, 8, 9):
            put(db, number)
        db.execute("UPDATE _entries SET archived = 1 WHERE story_id = 7")
        db.execute("UPDATE _entries SET held = 1 WHERE story_id = 8")
    with open_writer(path) as db:
        assert entries(db) == [(7, 0, 1, 0), (8, 1, 0, 1), (9, 2, 0, 0)]
        put(db, 10)
        db.execute("UPDATE stories SET title = 'Other' WHERE id = 7")  # its time stays
        db.execute("UPDATE stories SET updated_at = '2027-01-01T00:00:00Z' WHERE id IN (8, 9)")
        assert entries(db) == [(7, 0, 1, 0), (8, 8, 0, 1), (9, 9, 0, 0), (10, 10, 0, 0)]
        with db:
            db.execute("BEGIN")
            db.execute("DELETE FROM articles WHERE story_id = 8")
            db.execute("DELETE FROM stories WHERE id = 8")
        assert [story for story, *_ in entries(db)] == [7, 9, 10]


def test_an_older_file_s_articles_are_found_by_their_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {number: "Said each time" if number < 40 else f"Said by {number}" for number in range(1, 60)}
    with older(path, 6, monkeypatch) as db:
        for number, text in texts.items():
            put(db, number, text)
            digest = hashlib.blake2b(text.encode(), digest_size=12).digest()
            db.execute("INSERT INTO _sources VALUES (?, x'00', ?, x'00', '[]', NULL, '[]', 1, '[]')", (number, digest))
    with open_writer(path) as db:
        index = StoreIndex(Postings(db))
        assert [found.article for found in index.by_text("Said by 50")] == [50]
        assert [found.article for found in index.by_text("Said each time")] == [*range(1, 9)]
        assert index.by_text("Said by nobody") == []
        count = "SELECT count(*) FROM _fingerprints WHERE hash = ?"
        assert db.execute(count, (text_hash("Said each time"),)).fetchone()[0] == 24
        db.execute("UPDATE articles SET content_text = 'Said by nobody' WHERE id = 51")  # as if both had one hash
        assert index.by_text("Said by 51") == []
