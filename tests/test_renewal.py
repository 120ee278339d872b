"""A file of an older version: its fingerprints are made anew, the newest first, in short steps."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator import dedupe
from aggregator.app import Aggregator
from aggregator.config import Dedupe
from aggregator.engine import Here
from aggregator.model import Subscription
from aggregator.store import Postings, Store, open_writer, renewal
from aggregator.store.hashes import text_hash
from aggregator.store.times import to_text
from aggregator.stories import Editor
from tests.conftest import NOW, Answer, Post, Web, config_for, rss
from tests.test_dedupe import MOLE, OWN, filler
from tests.test_postings import indexed
from tests.test_replay import item
from tests.test_schema import older

SINCE = NOW - timedelta(days=30)


def old_file(path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as the first version left it: `count` articles, the last one of today, and hashes that nothing has now."""
    with older(path, 1, monkeypatch) as db:
        for number in range(1, count + 1):
            put(db, number, MOLE if number == count else f"{filler(number, 1)}",
                OWN[MOLE] if number == count else filler(number + 500, 8), count - number)  # fmt: skip


def put(db: sqlite3.Connection, number: int, title: str, text: str, days: int) -> None:
    at, url = to_text(NOW - timedelta(days=days)), f"https://a.example/{number}"
    db.execute("BEGIN")
    db.execute("INSERT INTO stories VALUES (?1, ?2, ?3, ?2, ?1, ?4, ?4, ?4, 1)", (number, url, title, at))
    db.execute(
        "INSERT INTO articles (id, feed_id, story_id, guid, url, title, summary, content_html, content_text, removed_text, "
        "categories, enclosures, word_count, similarity, published_at, updated_at, first_seen_at) "
        "VALUES (?1, 1, ?1, ?2, ?2, ?3, '', ?4, ?4, '', '[]', '[]', 9, 1, ?5, ?5, ?5)", (number, url, title, text, at),
    )  # fmt: skip
    db.execute("INSERT INTO _sources VALUES (?, x'00', x'00', ?, '[]', NULL, '[]', 1)",
               (number, zlib.compress(json.dumps({}).encode())))  # fmt: skip
    db.executemany(
        "INSERT INTO _fingerprints VALUES (?, ?)", [(value ^ 1, number) for value in dedupe.hashes(text, title)]
    )
    db.execute("INSERT INTO _boilerplate VALUES (?, 0, ?)", (number, at))
    db.execute("COMMIT")


def test_the_index_is_made_anew_step_by_step_the_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    old_file(path, 40, monkeypatch)
    with open_writer(path) as db:
        assert db.execute("SELECT sum(length(faint)) FROM _sources").fetchone()[0] == 80
        steps = []
        while done := renewal.renew(Postings(db), SINCE, 12):
            steps.append(done)
            assert {article for _, article in indexed(db)} == {*range(41 - sum(steps), 41)}
        assert steps == [12, 12, 7]  # what is older than the window stays out
        assert db.execute("SELECT count(*) FROM _boilerplate").fetchone()[0] == 0
        text, title = db.execute("SELECT content_text, title FROM articles WHERE id = 20").fetchone()
        stored = {value for value, article in indexed(db) if article == 20}
        assert stored == {*dedupe.hashes(text, title), text_hash(text)}
        assert renewal.renew(Postings(db), SINCE, 12) == 0


def test_a_copy_of_an_old_article_is_found_and_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    old_file(path, 5, monkeypatch)
    with open_writer(path) as db:
        store = Store(db)
        store.renew(SINCE, 100)
        feeds = {1: Subscription("https://a.example/feed"), 2: Subscription("https://b.example/feed")}
        with store.batch():
            store.feeds.sync(tuple(feeds.values()), NOW)
            [saved] = Editor(store, Dedupe(), feeds).take(2, [item("Mole again", OWN[MOLE])], (), NOW)
        assert store.stories.story_of(saved.article) == 5
        query = "SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'Skarvik' ORDER BY 1"
        assert [row[0] for row in db.execute(query)] == [5, 6]


def test_a_daemon_does_some_of_it_at_once_and_the_rest_between_polls(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path, web.url("/a"))
    web.pages["/a"] = Answer(rss(Post("One", "<p>Water.</p>", "http://a.example/1")))
    old_file(config.database, 25, monkeypatch)
    monkeypatch.setattr(renewal, "AT_ONCE", 10)
    monkeypatch.setattr(renewal, "STEP", 5)

    async def work() -> list[int]:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            counts = []
            for _ in range(5):
                counts.append(await aggregator.read(lambda read: len({a for _, a in indexed(read.connection)})))
                await aggregator.upkeep()
            return counts

    assert asyncio.run(work()) == [10, 15, 20, 25, 25]
